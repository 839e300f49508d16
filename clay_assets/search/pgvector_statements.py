"""Parts of the statements that search the pgvector tables, each with its parameters."""

from typing import Any

import numpy as np
from pgvector import HalfVector

from clay_assets.search.hits import ROW_SCHEMA, SKETCH_RANK, Examples
from clay_assets.search.pgvector_layout import (
    details_of,
    halves_of,
    rows_of,
    vectors_of_product,
)
from clay_assets.search.query import NEGATIVE_WEIGHT
from clay_assets.search.sketch import sketch_text

Part = tuple[str, dict[str, Any]]
"""SQL, and its parameters."""
ROW = ", ".join(ROW_SCHEMA.names)
_MET = "number, id, mgrs, date, cloud_share"
EMBEDDING = "vector_send(embedding)"
"""A vector as its bytes: numpy reads many at once."""


def told(product: str, some: str, *, vectors: bool, ranks: bool = False) -> str:
    """The statement that tells of some rows, by their numbers, what hits tell.

    Args:
        product: theirs.
        some: statement that gives the rows.
        vectors: tell their vectors last.
        ranks: tell their ranks by sketch, before.
    """
    embedding = (f", {SKETCH_RANK}" if ranks else "") + (f", {EMBEDDING}" if vectors else "")
    joined = f"JOIN {vectors_of_product(product)} USING (number)" if vectors else ""
    return (
        f"SELECT {ROW}{embedding} FROM ({some}) AS chosen "
        f"JOIN {details_of(product)} USING (number) {joined}"
    )


def met(product: str, condition: str) -> str:
    """The rows that meet a condition."""
    return f"SELECT {_MET} FROM {rows_of(product)} WHERE {condition}"


def best(product: str, examples: Examples, some: str, most: int) -> Part:
    """The best of some rows by score, then id."""
    score, values = _score(examples)
    # OFFSET: else the planner may score and sort all rows, and then ask which of them are chosen.
    scored = (
        f"SELECT chosen.*, {score} AS score FROM ({some}) AS chosen "
        f"JOIN {vectors_of_product(product)} USING (number) OFFSET 0"
    )
    return f"SELECT * FROM ({scored}) AS scored ORDER BY score DESC, id LIMIT {most}", values


def nearest_by_sketch(
    product: str, condition: str, sketched: np.ndarray, centre: np.ndarray, most: int
) -> Part:
    """Rows, of those that meet a condition, whose sketch differs least from one of some vectors'.

    Then by id; with their ranks, see `hits.SKETCH_RANK`.
    """
    values = {
        f"sketch{number}": sketch_text(vector, centre) for number, vector in enumerate(sketched)
    }
    counts = ", ".join(f"(sketch <~> %({name})s::bit({len(centre)}))" for name in values)
    proposed = (
        f"SELECT {_MET}, least({counts}) AS differing FROM {rows_of(product)} WHERE {condition} "
        f"ORDER BY differing, id LIMIT {most}"
    )
    return (
        f"SELECT proposed.*, count(*) OVER (ORDER BY differing) AS {SKETCH_RANK} "
        f"FROM ({proposed}) AS proposed",
        values,
    )


def nearest_by_graphs(
    product: str, vector: np.ndarray, ranges: list[tuple[int, int]], most: int
) -> Part:
    """The rows that are nearest to a vector, of those in some ranges of numbers.

    Where a graph covers just such a range, PostgreSQL walks it; else it scores the range. They are
    compared by their vectors of half precision. The ranges stand in the statement as they are, so
    that a plan that is kept for other vectors knows the graphs too.
    """
    walks = " UNION ALL ".join(
        f"(SELECT number, embedding <#> %(near)b::halfvec({len(vector)}) AS distance "
        f"FROM {halves_of(product)} WHERE number >= {first} AND number < {beyond} "
        f"ORDER BY distance LIMIT {most})"
        for first, beyond in ranges
    )
    return (
        f"SELECT {_MET} FROM (SELECT number FROM ({walks}) AS walked ORDER BY distance "
        f"LIMIT {most}) AS near JOIN {rows_of(product)} USING (number)",
        {"near": HalfVector(vector)},
    )


def _score(examples: Examples) -> Part:
    """The score as SQL, and the examples as its parameters."""
    values: dict[str, Any] = {}

    def nearest(name: str, vectors: np.ndarray) -> str:
        values.update({f"{name}{number}": vector for number, vector in enumerate(vectors)})
        # <#> is the inner product below zero
        products = ", ".join(
            f"-(embedding <#> %({name}{number})b::vector)" for number in range(len(vectors))
        )
        return f"greatest({products})"

    scored = nearest("positive", examples.positives)
    if len(examples.negatives):
        scored += f" - {NEGATIVE_WEIGHT} * {nearest('negative', examples.negatives)}"
    return scored, values
