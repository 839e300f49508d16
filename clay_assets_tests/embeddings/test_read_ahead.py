import threading
import time

import pytest

from clay_assets.embeddings.read_ahead import load_ahead, read_ahead


def test_items_come_in_order_however_long_each_takes():
    def load(number):
        time.sleep(0.002 * (number % 3))
        return number * 10

    assert list(read_ahead(range(20), load, threads=4, ahead=6)) == list(range(0, 200, 10))


def test_no_more_than_ahead_are_loaded_before_they_are_asked_for():
    loaded = []
    source = read_ahead(range(50), loaded.append, threads=3, ahead=5)
    for asked in range(1, 20):
        next(source)
        time.sleep(0.005)
        assert asked <= len(loaded) <= asked + 5
    source.close()


def test_loading_overlaps():
    together = threading.Barrier(3, timeout=5)  # opens only if three load at the same time
    numbers = list(
        read_ahead(range(6), lambda number: together.wait() or number, threads=3, ahead=6)
    )
    assert len(numbers) == 6


def test_an_error_comes_in_its_place_and_stops_the_rest():
    loaded = []

    def load(number):
        if number == 3:
            raise ValueError("three is bad")
        loaded.append(number)
        return number

    source = read_ahead(range(1000), load, threads=2, ahead=4)
    assert [next(source), next(source), next(source)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three is bad"):
        next(source)
    assert len(loaded) < 10


def test_whoever_stops_early_leaves_no_thread_behind():
    source = read_ahead(range(100), lambda number: number, threads=2, ahead=4)
    next(source)
    source.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("read-ahead")]


def test_a_slow_item_holds_up_no_other():
    opened = threading.Event()

    def load(number):
        return number == 0 and opened.wait(5)

    source = load_ahead(range(20), load, threads=2, ahead=4)
    first = [next(source)[0] for _ in range(19)]
    assert first == list(range(1, 20))
    opened.set()
    assert next(source) == (0, True)


def test_what_is_loaded_in_any_order_is_bounded_too():
    loaded = []
    source = load_ahead(range(50), loaded.append, threads=3, ahead=5)
    for asked in range(1, 20):
        next(source)
        time.sleep(0.005)
        assert asked <= len(loaded) <= asked + 5
    source.close()
