"""The router: what costs least and loses nothing."""

from dataclasses import replace

import pytest

from clay_assets.search.plan import EXACT, Plan, Rerank, Task, Walk, choose, surer

MILLION = Task(
    rows=1_000_000,
    last_rank=10,
    candidates=75,
    is_filtered=False,
    is_single=True,
    has_sketches=True,
    reranks=(
        Rerank(100, False, 2_000, 2_000, 0.995),
        Rerank(10, False, 1_000, 1_000, 0.999),
        Rerank(10, True, 4_000, 90_000, 0.99),
        Rerank(100, True, 9_000, 9_000, 0.99),
    ),
)
FIRST = Plan("sketch", 4_000, 0.99, is_final=False)


def asked(task: Task, matching: int | None = None) -> Plan:
    def matches(most: int) -> int:
        assert matching is not None, "counted without a filter"
        return min(matching, most)

    return choose(task, matches)


def test_few_rows_are_all_scored() -> None:
    assert asked(replace(MILLION, rows=10_000)) == EXACT
    assert asked(replace(MILLION, rows=10_001)) == Plan("sketch", 1_000, 0.999)


def test_without_sketches_all_rows_are_scored() -> None:
    assert asked(replace(MILLION, has_sketches=False)) == EXACT


@pytest.mark.parametrize(("matching", "plan"), [(16_000, EXACT), (16_001, FIRST), (0, EXACT)])
def test_a_filter_that_leaves_few_rows_is_answered_exactly(matching: int, plan: Plan) -> None:
    assert asked(replace(MILLION, is_filtered=True), matching) == plan


def test_a_sketch_proposes_what_was_measured_for_as_many_hits() -> None:
    assert asked(replace(MILLION, last_rank=11)) == Plan("sketch", 2_000, 0.995)
    assert asked(replace(MILLION, is_filtered=True), 10**6) == FIRST
    assert asked(replace(MILLION, last_rank=1_000)) == Plan("sketch", 20_000)  # beyond
    assert asked(replace(MILLION, last_rank=12_500)) == EXACT  # scoring all costs no more


def test_for_what_was_not_measured_many_are_proposed() -> None:
    assert asked(replace(MILLION, is_single=False)) == replace(FIRST, recall=None)
    assert asked(replace(MILLION, is_single=False, last_rank=100)) == Plan("sketch", 9_000)
    fresh = replace(MILLION, reranks=())
    assert asked(fresh) == Plan("sketch", 4_000)
    assert asked(replace(fresh, last_rank=1_000)) == Plan("sketch", 40_000)


def test_a_graph_answers_one_example_without_filters() -> None:
    graph = replace(MILLION, walks=(Walk(100, 400, 0.991), Walk(10, 120, 0.993)))
    assert asked(graph) == Plan("hnsw", ef=120, recall=0.993)
    assert asked(replace(graph, candidates=135)) == Plan("hnsw", ef=135, recall=0.993)
    assert asked(replace(graph, last_rank=11)) == Plan("hnsw", ef=400, recall=0.991)
    assert asked(replace(graph, last_rank=101)).how == "sketch"  # not measured
    assert asked(replace(graph, candidates=1_001)).how == "sketch"
    assert asked(replace(graph, is_single=False)).how == "sketch"
    assert asked(replace(graph, is_filtered=True), 500_000).how == "sketch"


def test_an_answer_stands_when_its_hits_are_among_the_first_that_were_proposed() -> None:
    assert FIRST.stands(1_000)
    assert not FIRST.stands(1_001)
    assert replace(FIRST, is_final=True).stands(4_000)
    assert EXACT.stands(0)


def test_where_it_does_not_as_many_are_proposed_as_the_worst_queries_need() -> None:
    def again(plan: Plan, task: Task, matching: int) -> Plan:
        return surer(plan, task, lambda most: min(matching, most))

    filtered = replace(MILLION, is_filtered=True)
    assert again(FIRST, filtered, 10**6) == Plan("sketch", 90_000, 0.99)
    assert again(FIRST, filtered, 360_000) == EXACT
    graph = replace(MILLION, walks=(Walk(10, 120, 0.993),))
    assert again(Plan("hnsw"), graph, 10**6) == Plan("sketch", 1_000, 0.999)
