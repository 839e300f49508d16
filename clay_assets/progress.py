"""Progress of long steps: the domain says how far it is, whoever runs it decides what to show."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar


@dataclass(frozen=True)
class Progress:
    """How far one step is."""

    step: str
    """What is being done, `Cutting chips of 32VKM`."""
    done: int
    """Units finished."""
    total: int | None
    """Units in all, None when unknown."""


T = TypeVar("T")
Listener = Callable[[Progress], None]
_listeners: ContextVar[tuple[Listener, ...]] = ContextVar("progress_listeners", default=())


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Send the progress of everything inside the block to `listener` too."""
    token = _listeners.set((*_listeners.get(), listener))
    try:
        yield
    finally:
        _listeners.reset(token)


def report(step: str, done: int, total: int | None) -> None:
    """Tell whoever listens how far `step` is."""
    for listener in _listeners.get():
        listener(Progress(step, done, total))


def track(items: Iterable[T], step: str, total: int | None = None) -> Iterator[T]:
    """Yield `items` and report each one as done once the caller asks for the next.

    >>> seen = []
    >>> with listening(lambda progress: seen.append(progress.done)):
    ...     list(track("ab", "Reading letters", total=2))
    ['a', 'b']
    >>> seen
    [0, 1, 2]
    """
    report(step, 0, total)
    for done, item in enumerate(items, start=1):
        yield item
        report(step, done, total)
