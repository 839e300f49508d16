"""Pickles read as data: what they would call is written down, and nothing is ever called.

A pickle is a program for a small stack machine. This one has no way to import, look up or call
anything: where the program says so, a record of it goes on the stack instead. So a file can say
what it likes; at worst it says nonsense.

Source:
    Python's `pickletools`, which decodes the opcodes and describes what each does to the stack.
"""

import pickletools
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from clay_assets.errors import CheckpointError


@dataclass(frozen=True, eq=False)
class Name:
    """Something the pickle would import."""

    dotted: str
    """`module.name`, as written there."""


@dataclass(eq=False)
class Made:
    """Something the pickle would make by a call."""

    maker: Any
    """What would be called, mostly a `Name`."""
    arguments: Any = ()
    """With which arguments, mostly a tuple."""
    state: Any = None
    """What it would be given after that; of most objects their attributes."""
    items: dict[Any, Any] = field(default_factory=dict)
    """Keys and values put into it."""
    members: list[Any] = field(default_factory=list)
    """Values appended to it."""

    @property
    def dotted(self) -> str:
        """Name of what would make it, empty where that is no name."""
        return self.maker.dotted if isinstance(self.maker, Name) else ""


@dataclass(frozen=True, eq=False)
class Stored:
    """Something that lies outside the pickle."""

    about: Any
    """How the pickle refers to it."""


_PLAIN_KEYS = (str, int, float, bytes, type(None))
_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "EMPTY_SET": lambda: Made(Name("builtins.set")),
}
_LITERALS = frozenset(
    "INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT STRING BINSTRING SHORT_BINSTRING "
    "UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8 BINBYTES SHORT_BINBYTES BINBYTES8 "
    "BYTEARRAY8".split()
)
_SAYS_NOTHING = frozenset({"PROTO", "FRAME", "STOP"})
_COUNTS = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


def read_pickle(content: bytes, name: str) -> Any:  # noqa: ANN401
    """What a pickle says.

    Args:
        content: the pickle.
        name: what errors call it, a file's name.

    Returns:
        Plain values, lists, tuples and dicts, with `Name`, `Made` and `Stored` among them. Keys of
        dicts that are not plain are wrapped in `Made`.

    Raises:
        CheckpointError: it is damaged.
    """
    return _run(content, name).stack.pop()


def makes_only(content: bytes, makers: Collection[str], name: str) -> bool:
    """Whether a pickle would call nothing but `makers`, and has no keys that are not plain.

    Raises:
        CheckpointError: it is damaged.
    """
    machine = _run(content, name)
    return machine.makers <= set(makers)


def _run(content: bytes, name: str) -> "_Machine":
    machine = _Machine()
    try:
        for opcode, argument, _ in pickletools.genops(content):
            machine.step(opcode.name, argument)
        if not machine.stack:
            raise ValueError("it says nothing")
        return machine
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{name} holds a damaged pickle: {error}") from error


class _Machine:
    """A stack, the stacks below its marks, and what was memorised."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.makers: set[str] = set()

    def step(self, op: str, argument: Any) -> None:  # noqa: ANN401
        """Do one opcode."""
        if op in _LITERALS:
            self.stack.append(argument)
        elif op in _CONSTANTS:
            self.stack.append(_CONSTANTS[op]())
            self.makers |= {"builtins.set"} if op == "EMPTY_SET" else set()
        elif op in _COUNTS:
            self.stack.append(tuple(self.popped(_COUNTS[op])))
        elif op in ("GLOBAL", "EXT1", "EXT2", "EXT4"):
            self.stack.append(Name(str(argument).replace(" ", ".", 1)))
        elif op in ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"):
            key = len(self.memo) if op == "MEMOIZE" else argument
            self.memo[key] = self.stack[-1]
        elif op in ("GET", "BINGET", "LONG_BINGET"):
            self.stack.append(self.memo[argument])
        elif op == "PERSID":
            self.stack.append(Stored(argument))
        elif op == "INST":
            self.make(Name(str(argument).replace(" ", ".", 1)), self.marked())
        elif op not in _SAYS_NOTHING:
            act = getattr(self, f"do_{op.lower()}", None)
            if act is None:
                raise ValueError(f"opcode {op} is not known here")
            act()

    def make(self, maker: Any, arguments: Any) -> None:  # noqa: ANN401
        made = Made(maker, arguments)
        self.makers.add(made.dotted)
        self.stack.append(made)

    def popped(self, count: int) -> list[Any]:
        if len(self.stack) < count:
            raise ValueError("its stack is empty")
        values = self.stack[-count:]
        del self.stack[-count:]
        return values

    def marked(self) -> list[Any]:
        """Values above the last mark, which is taken away."""
        values, self.stack = self.stack, self.below.pop()
        return values

    def do_mark(self) -> None:
        self.below.append(self.stack)
        self.stack = []

    def do_pop(self) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self.marked()

    def do_pop_mark(self) -> None:
        self.marked()

    def do_dup(self) -> None:
        self.stack.append(self.stack[-1])

    def do_tuple(self) -> None:
        values = self.marked()
        self.stack.append(tuple(values))

    def do_list(self) -> None:
        values = self.marked()
        self.stack.append(values)

    def do_dict(self) -> None:
        values = self.marked()
        self.stack.append({})
        self.put(values)

    def do_frozenset(self) -> None:
        self.make(Name("builtins.frozenset"), (self.marked(),))

    def do_append(self) -> None:
        self.extend(self.popped(1))

    def do_appends(self) -> None:
        self.extend(self.marked())

    do_additems = do_appends

    def do_setitem(self) -> None:
        self.put(self.popped(2))

    def do_setitems(self) -> None:
        self.put(self.marked())

    def extend(self, values: list[Any]) -> None:
        top = self.stack[-1]
        (top.members if isinstance(top, Made) else top).extend(values)

    def put(self, values: list[Any]) -> None:
        """Put keys and values in turns into what is on top."""
        top = self.stack[-1]
        into = top.items if isinstance(top, Made) else top
        if not isinstance(into, dict):
            raise ValueError(f"items for a {type(top).__name__}")
        for key, value in zip(values[::2], values[1::2], strict=True):
            if not isinstance(key, _PLAIN_KEYS):
                # Hashed by who it is: a deep tuple would overflow the C stack, or take for ever.
                self.make(Name("key"), key)
                key = self.stack.pop()
            into[key] = value

    def do_stack_global(self) -> None:
        module, name = self.popped(2)
        self.stack.append(Name(f"{module}.{name}"))

    def do_reduce(self) -> None:
        maker, arguments = self.popped(2)
        self.make(maker, arguments)

    do_newobj = do_reduce

    def do_newobj_ex(self) -> None:
        maker, arguments, options = self.popped(3)
        self.make(maker, arguments)
        self.stack[-1].state = options

    def do_obj(self) -> None:
        maker, *arguments = self.marked()
        self.make(maker, arguments)

    def do_build(self) -> None:
        (state,) = self.popped(1)
        if isinstance(self.stack[-1], Made):
            self.stack[-1].state = state

    def do_binpersid(self) -> None:
        self.stack.append(Stored(self.popped(1)[0]))
