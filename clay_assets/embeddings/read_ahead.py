"""Loading things in threads ahead of whoever uses them, never too many at once."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")
Loaded = TypeVar("Loaded")


def read_ahead(
    items: Iterable[Item], load: Callable[[Item], Loaded], *, threads: int, ahead: int
) -> Generator[Loaded]:
    """Yield `load(item)` of each item in order, while threads load the ones that follow.

    An error of `load` is raised where its item would have been yielded; nothing is loaded after
    that, or once the caller stops asking.

    >>> list(read_ahead(["a", "b"], str.upper, threads=2, ahead=2))
    ['A', 'B']

    Args:
        items: what to load; taken only as far as needed.
        load: called in a thread.
        threads: calls of `load` at once.
        ahead: most items loaded or being loaded that have not been asked for yet.
    """
    coming = iter(items)
    pending: deque[Future[Loaded]] = deque()
    with _threads(threads) as pool:
        for item in coming:
            pending.append(pool.submit(load, item))
            if len(pending) == ahead:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def load_ahead(
    items: Iterable[Item], load: Callable[[Item], Loaded], *, threads: int, ahead: int
) -> Generator[tuple[Item, Loaded]]:
    """As `read_ahead`, but whatever is there first comes first, so that a slow item holds up none.

    >>> sorted(load_ahead(["a", "b"], str.upper, threads=2, ahead=2))
    [('a', 'A'), ('b', 'B')]
    """
    pending: dict[Future[Loaded], Item] = {}
    with _threads(threads) as pool:
        for item in items:
            pending[pool.submit(load, item)] = item
            if len(pending) == ahead:
                yield _first_loaded(pending)
        while pending:
            yield _first_loaded(pending)


def _first_loaded(pending: dict[Future[Loaded], Item]) -> tuple[Item, Loaded]:
    """Take out one that is loaded, the oldest of them."""
    done = wait(pending, return_when=FIRST_COMPLETED).done
    future = next(future for future in pending if future in done)
    return pending.pop(future), future.result()


@contextmanager
def _threads(count: int) -> Iterator[ThreadPoolExecutor]:
    """Threads that end with the block; what has not begun by then is left."""
    with ThreadPoolExecutor(count, "read-ahead") as pool:
        try:
            yield pool
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
