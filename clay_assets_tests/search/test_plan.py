"""The router: what costs least and loses nothing."""

from dataclasses import replace

import pytest

from clay_assets.search.plan import EXACT, Plan, Task, choose

MILLION = Task(
    rows=1_000_000,
    last_rank=10,
    candidates=75,
    is_filtered=False,
    is_single=True,
    has_sketches=True,
    hnsw_ef=None,
)


def asked(task: Task, matching: int | None = None) -> Plan:
    def matches(most: int) -> int:
        assert matching is not None, "counted without a filter"
        return min(matching, most)

    return choose(task, matches)


def test_few_rows_are_all_scored() -> None:
    assert asked(replace(MILLION, rows=10_000)) == EXACT
    assert asked(replace(MILLION, rows=10_001)) == Plan("sketch", 1_000)


def test_without_sketches_all_rows_are_scored() -> None:
    assert asked(replace(MILLION, has_sketches=False)) == EXACT


@pytest.mark.parametrize(
    ("matching", "plan"), [(16_000, EXACT), (16_001, Plan("sketch", 4_000)), (0, EXACT)]
)
def test_a_filter_that_leaves_few_rows_is_answered_exactly(matching: int, plan: Plan) -> None:
    assert asked(replace(MILLION, is_filtered=True), matching) == plan


def test_a_sketch_proposes_ten_times_as_many_as_are_wanted() -> None:
    assert asked(replace(MILLION, last_rank=1_000)) == Plan("sketch", 10_000)
    assert asked(replace(MILLION, is_single=False)) == Plan("sketch", 4_000)
    assert asked(replace(MILLION, last_rank=25_000)) == EXACT  # scoring all costs no more


def test_a_graph_answers_one_example_without_filters() -> None:
    graph = replace(MILLION, hnsw_ef=400)
    assert asked(graph) == Plan("hnsw")
    assert asked(replace(graph, candidates=401)).how == "sketch"
    assert asked(replace(graph, is_single=False)).how == "sketch"
    assert asked(replace(graph, is_filtered=True), 500_000).how == "sketch"
