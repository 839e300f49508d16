"""Loading things in threads ahead of whoever uses them, in order and never too many at once."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Loaded = TypeVar("Loaded")


def read_ahead(
    items: Iterable[Item], load: Callable[[Item], Loaded], *, threads: int, ahead: int
) -> Iterator[Loaded]:
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
    with ThreadPoolExecutor(threads, "read-ahead") as pool:
        try:
            for item in coming:
                pending.append(pool.submit(load, item))
                if len(pending) == ahead:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
