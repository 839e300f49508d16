"""How a query is answered: score every chip, or let a sketch choose the ones to score.

Source:
    Measurements of exact scans and sketches at 1e5 and 1e6 rows: a scan is as fast below
    `EXACT_MAX_ROWS`; a rerank of 1000 loses nothing without filters, one of 4000 nothing under the
    hardest filter (one that leaves out whatever looks like the query).
"""

from clay_assets.search.hits import Examples
from clay_assets.search.query import Query

EXACT_MAX_ROWS = 10_000
"""Up to this many chips are all scored."""
_RERANK = 1_000
_RERANK_HARD = 4_000
_RERANK_PER_HIT = 10


def rerank_rows(query: Query, examples: Examples) -> int:
    """How many chips a sketch has to propose for the true best to be among them."""
    is_hard = query.has_filter or len(examples.positives) > 1 or len(examples.negatives) > 0
    return max(_RERANK_HARD if is_hard else _RERANK, _RERANK_PER_HIT * query.k)


def most_scored(rerank: int) -> int:
    """Most chips that are all scored: fetching one by its sketch costs as much as scoring four."""
    return max(EXACT_MAX_ROWS, 4 * rerank)
