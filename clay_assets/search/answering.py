"""The steps of a search, the same for all engines."""

from clay_assets.search.examples import Background, find_examples, find_product
from clay_assets.search.filters import matching
from clay_assets.search.hits import Asked, Examples, Hits, hits_frame, rank
from clay_assets.search.plan import EXACT, Task, choose, surer
from clay_assets.search.query import Query
from clay_assets.search.tables import IndexedProduct, Tables

_SPARE_CANDIDATES = 64
_MOST_CANDIDATES = 100_000  # beyond, rows that score alike to 1e-5 come in the engine's order


def answer(
    tables: Tables, engine: str, query: Query, background: Background, *, exact: bool = False
) -> Hits:
    """The rows that answer a query.

    Args:
        tables: of an index.
        engine: their name.
        query: what is looked for.
        background: gives random rows of the product.
        exact: score every row, however many there are.

    Raises:
        NotFoundError: no such product or example, or no row over the place.
        SearchError: the vector does not fit the product.
    """
    product = find_product(tables, query.product)
    examples = find_examples(tables, product, query, background)
    condition, values = matching(tables, product, query)
    most = query.last_rank + len(examples.chip_ids) + _SPARE_CANDIDATES
    task = _task(product, query, examples, most)

    def matches(most: int) -> int:
        return tables.count(product, condition, values, most=most)

    plan = EXACT if exact else choose(task, matches)
    while True:
        candidates = tables.candidates(product, examples, condition, values, plan=plan, most=most)
        asked = Asked(most, tables.score_error, gives_all=plan.how != "hnsw")
        ranking = rank(candidates, examples, query, asked)
        if not plan.stands(ranking.last_proposed) or (
            plan.how == "hnsw" and not ranking.is_complete
        ):
            plan = surer(plan, task, matches)
        elif ranking.is_complete or most >= _MOST_CANDIDATES:
            break
        else:
            most *= 4
    frame = hits_frame(ranking.rows, query.product, ranking.scores, grid=product.grid)
    return Hits(frame, engine, plan.how, examples.chip_ids, plan.recall)


def _task(product: IndexedProduct, query: Query, examples: Examples, candidates: int) -> Task:
    return Task(
        rows=product.rows,
        last_rank=query.last_rank,
        candidates=candidates,
        is_filtered=query.has_filter,
        is_single=len(examples.positives) == 1
        and not len(examples.negatives)
        and not examples.is_direction,
        has_sketches=product.centre is not None,
        reranks=product.reranks,
        walks=product.walks,
    )
