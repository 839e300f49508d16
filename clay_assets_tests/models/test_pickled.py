"""Pickles are read as data; the exploits here are real, and run where plain pickle reads them."""

import collections
import contextlib
import copyreg
import io
import os
import pickle
import subprocess
import zipfile
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from clay_assets.errors import CheckpointError
from clay_assets.models import read_original
from clay_assets.models.opening import open_checkpoint
from clay_assets.models.pickled import Made, Name, makes_only, read_pickle


class Calls:
    """Pickles as a call of anything."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


class Remembers:
    """Runs code when its state is set."""

    def __setstate__(self, state):
        Path(state["path"]).touch()


class Victim:
    """Its attribute can be changed by a pickle that builds upon the class itself."""

    harmless = True


class Dictionary(dict):
    """Runs code when something is put into it."""

    def __setitem__(self, key, value):
        Path(value).touch()


class LikeTensors(collections.OrderedDict):
    """A subclass of something that is allowed, with a `__reduce__` that is not."""

    def __reduce__(self):
        return (os.system, (self["command"],))


def touch(path: Path) -> str:
    return f"touch {path}"


def by_hand(*parts: bytes) -> bytes:
    return b"\x80\x04" + b"".join(parts) + b"."


def text(value: str) -> bytes:
    return b"\x8c" + bytes([len(value)]) + value.encode()


def put_into(path: Path) -> bytes:
    made = b"c" + f"{__name__}\nDictionary\n".encode() + b")\x81"
    return by_hand(made, text("key"), text(str(path)), b"s")


EXPLOITS = {
    "reduce": lambda path: pickle.dumps(Calls(os.system, touch(path))),
    "reduce of protocol 0": lambda path: pickle.dumps(Calls(os.system, touch(path)), 0),
    "eval": lambda path: pickle.dumps(Calls(eval, f"open({str(path)!r}, 'w')")),
    "exec": lambda path: pickle.dumps(Calls(exec, f"open({str(path)!r}, 'w')")),
    "popen": lambda path: pickle.dumps(Calls(subprocess.check_call, ["touch", str(path)])),
    "nested": lambda path: pickle.dumps(
        {"state_dict": {"a": [({"b": Calls(os.system, touch(path))},)]}}
    ),
    "in a tensor": lambda path: pickle.dumps(
        {"w": Calls(torch._utils._rebuild_parameter, Calls(os.system, touch(path)), True, {})}
    ),
    "subclass": lambda path: pickle.dumps(LikeTensors(command=touch(path))),
    "setstate": lambda path: by_hand(
        b"c" + f"{__name__}\nRemembers\n".encode() + b")\x81}", text("path"), text(str(path)), b"sb"
    ),
    "setitem": put_into,
    "dotted": lambda path: by_hand(
        text("posixpath"), text("os.system"), b"\x93", text(touch(path)), b"\x85R"
    ),
    "getattr": lambda path: by_hand(
        b"cbuiltins\ngetattr\ncbuiltins\n__import__\n",
        text("os") + b"\x85R" + text("system") + b"\x86R" + text(touch(path)) + b"\x85R",
    ),
    "inst": lambda path: b"(S'" + touch(path).encode() + b"'\nios\nsystem\n.",
    "obj": lambda path: b"(cos\nsystem\nS'" + touch(path).encode() + b"'\no.",
    "newobj_ex": lambda path: by_hand(
        b"c" + f"{__name__}\nRemembers\n".encode() + b")}\x92}",
        text("path"),
        text(str(path)),
        b"sb",
    ),
    "extension": lambda path: by_hand(b"\x82\xf0", text(touch(path)), b"\x85R"),
    "persistent": lambda path: by_hand(b"cos\nsystem\n", text(touch(path)), b"\x85RQ"),
    "as a key": lambda path: by_hand(
        b"}cos\nsystem\n", text(touch(path)), b"\x85R", text("value"), b"s"
    ),
}


class PlainUnpickler(pickle.Unpickler):
    def persistent_load(self, pid):
        return pid


@pytest.fixture
def extension():
    copyreg.add_extension("os", "system", 240)
    yield
    copyreg.remove_extension("os", "system", 240)


def archive(content: bytes, path: Path, **members: bytes) -> Path:
    """A file as `torch.save` writes it, with any pickle in it."""
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("archive/data.pkl", content)
        file.writestr("archive/version", b"3\n")
        file.writestr("archive/byteorder", b"little")
        for name, member in members.items():
            file.writestr(f"archive/data/{name}", member)
    return path


@pytest.mark.usefixtures("extension")
@pytest.mark.parametrize("name", EXPLOITS)
def test_nothing_in_a_file_is_ever_run(name: str, tmp_path: Path):
    marker = tmp_path / "marker"
    content = EXPLOITS[name](marker)
    with contextlib.suppress(TypeError, AttributeError):  # what comes after it may be nonsense
        PlainUnpickler(io.BytesIO(content)).load()
    assert marker.exists(), "the exploit does not work, so it proves nothing"
    marker.unlink()
    path = archive(content, tmp_path / "file.pt")
    with contextlib.suppress(CheckpointError):
        open_checkpoint(path)
    assert not marker.exists()


def test_building_upon_a_class_changes_nothing(tmp_path: Path):
    content = by_hand(
        b"c" + f"{__name__}\nVictim\n".encode() + b"N}", text("harmless"), b"\x89s\x86b"
    )
    pickle.loads(content)
    assert not Victim.harmless
    Victim.harmless = True
    with pytest.raises(CheckpointError, match=r"holds .*test_pickled.Victim"):
        open_checkpoint(archive(content, tmp_path / "file.pt"))
    assert Victim.harmless


def test_calls_are_written_down():
    found = read_pickle(pickle.dumps({"a": Calls(os.system, "ls"), "b": (1, 2.5, "x")}), "file")
    assert found["b"] == (1, 2.5, "x")
    assert isinstance(found["a"], Made)
    assert found["a"].dotted in ("posix.system", "nt.system")
    assert found["a"].arguments == ("ls",)
    assert isinstance(found["a"].maker, Name)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text() | st.integers(), inner)
        | st.tuples(inner, inner)
    ),
)


@given(value=PLAIN, protocol=st.sampled_from([2, 3, 4, 5]))
def test_plain_values_are_read_as_pickle_reads_them(value, protocol: int):
    assert read_pickle(pickle.dumps(value, protocol), "file") == pickle.loads(
        pickle.dumps(value, protocol)
    )


@given(content=st.binary(max_size=60))
def test_nonsense_is_told_and_nothing_else_happens(content: bytes):
    with contextlib.suppress(CheckpointError):
        read_pickle(content, "nonsense.pt")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x80\x02", "damaged pickle: pickle exhausted before seeing STOP"),
        (b"\x80\x02.", "damaged pickle: it says nothing"),
        (b"\x80\x02\x85.", "damaged pickle: its stack is empty"),
        (b"\x80\x02]K\x01K\x02s.", "damaged pickle: items for a list"),
        (b"\x80\x05\x97.", "damaged pickle: opcode NEXT_BUFFER is not known here"),
        (b"\x80\x02h\x07.", "damaged pickle: 7"),
    ],
)
def test_damage_is_told(content: bytes, message: str):
    with pytest.raises(CheckpointError, match=message):
        read_pickle(content, "file")


def test_keys_that_multiply_take_no_time(tmp_path: Path):
    doubled = b")" + b"2\x86" * 100  # a pair of the same pair, of the same pair ...
    with pytest.raises(CheckpointError, match=r"no network's tensors \(it has key\)"):
        read_original(archive(by_hand(b"}" + doubled + b"K\x01s"), tmp_path / "file.pt"))


def test_it_is_known_what_a_pickle_calls():
    tensors = pickle.dumps(collections.OrderedDict(a=1), 2)
    assert makes_only(tensors, ["collections.OrderedDict"], "file")
    assert not makes_only(tensors, [], "file")
    assert not makes_only(pickle.dumps({1}, 4), ["collections.OrderedDict"], "file")
    assert not makes_only(pickle.dumps({(1, 2): 3}, 4), ["collections.OrderedDict"], "file")


def test_deep_keys_do_not_overflow_the_stack():
    deep = b"\x80\x02})" + b"\x85" * 200_000 + b"K\x01s."
    (key,) = read_pickle(deep, "file")
    assert isinstance(key, Made)
