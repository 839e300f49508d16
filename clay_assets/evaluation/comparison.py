"""Products side by side, so that a person can choose layers by numbers."""

import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from clay_assets.errors import InvalidValueError, StoreError
from clay_assets.evaluation.evaluate import Evaluation
from clay_assets.evaluation.reports import evaluation_key, report_if_any
from clay_assets.store import Store

_FIGURES = {
    "knn_accuracy": "kNN accuracy",
    "recall@1": "recall@1",
    "recall@5": "recall@5",
    "recall@10": "recall@10",
    "silhouette": "silhouette",
    "permanova_r2": "PERMANOVA R²",
    "permanova_f": "PERMANOVA F",
    "permanova_p": "p",
}
"""Figure -> title."""
TITLES = {
    "product": "product",
    "dimensions": "dims",
    "bytes": "kB",
    "rows": "rows",
    "classes": "classes",
    **_FIGURES,
}
"""Column -> title of what a person is shown, in order."""


def comparison_key(image_set: str, ending: str = ".csv") -> str:
    """Where the table over all products of an image set lies in the store."""
    return f"image_comparisons/{image_set}{ending}"


def compare_products(store: Store, products: Iterable[str], image_set: str) -> pa.Table:
    """The products' evaluations on an image set, best kNN accuracy first; also written as files.

    Products that have not been evaluated on the set are left out. The CSV and Parquet files are
    written only when the table has changed.

    Returns:
        One row a product, columns as `comparison_table`.
    """
    found = [report_if_any(store, evaluation_key(product, image_set)) for product in products]
    table = comparison_table(
        [
            (report.product, report.stored_bytes, report.evaluation)
            for report in found
            if report is not None and report.evaluation is not None
        ]
    )
    csv, parquet = io.BytesIO(), io.BytesIO()
    pyarrow.csv.write_csv(table, csv)
    pq.write_table(table, parquet)
    key = comparison_key(image_set)
    if not (store.exists(key) and store.read_bytes(key) == csv.getvalue()):
        store.write_bytes(comparison_key(image_set, ".parquet"), parquet.getvalue())
        store.write_bytes(key, csv.getvalue())
    return table


def comparison_table(rows: Sequence[tuple[str, int, Evaluation]]) -> pa.Table:
    """Products side by side, best kNN accuracy first, and of equal ones the best silhouette.

    Args:
        rows: name, size of the files in bytes, and figures of each product.

    Returns:
        Columns `product`, `dimensions`, `bytes`, `rows`, `classes`, the figures, and how they were
        computed.
    """
    ordered = sorted(rows, key=lambda row: (-row[2].knn_accuracy, -row[2].silhouette, row[0]))
    return pa.table(
        {
            "product": pa.array([name for name, _, _ in ordered], pa.string()),
            "dimensions": pa.array([figures.dimensions for _, _, figures in ordered], pa.int64()),
            "bytes": pa.array([size for _, size, _ in ordered], pa.int64()),
            "rows": pa.array([figures.sampled for _, _, figures in ordered], pa.int64()),
            "classes": pa.array([figures.classes for _, _, figures in ordered], pa.int64()),
            **{
                column: pa.array(
                    [figures_of(figures).get(column) for _, _, figures in ordered], pa.float64()
                )
                for column in (*_FIGURES, "majority_share")
            },
            "k": pa.array([figures.k for _, _, figures in ordered], pa.int64()),
            "metric": pa.array([figures.metric for _, _, figures in ordered], pa.string()),
            "seed": pa.array([figures.seed for _, _, figures in ordered], pa.int64()),
        }
    )


def figures_of(evaluation: Evaluation) -> dict[str, float]:
    """The figures by name, the recalls as `recall@k`."""
    values = evaluation.to_json()
    recalls = {f"recall@{k}": value for k, value in evaluation.recall.items()}
    return {
        name: float(values[name]) for name in (*_FIGURES, "majority_share") if name in values
    } | recalls


def as_markdown(table: pa.Table) -> str:
    """The comparison as a Markdown table for a person."""
    lines = ["| " + " | ".join(TITLES.values()) + " |", "|" + "---|" * len(TITLES)]
    for row in table.to_pylist():
        lines.append("| " + " | ".join(shown(name, row[name]) for name in TITLES) + " |")
    return "\n".join(lines)


def write_table(table: pa.Table, path: Path) -> None:
    """Write a comparison to a file of this machine.

    Raises:
        InvalidValueError: neither `.csv` nor `.parquet`.
        StoreError: it cannot be written there.
    """
    writers = {".csv": pyarrow.csv.write_csv, ".parquet": pq.write_table}
    if path.suffix not in writers:
        raise InvalidValueError(f"the table must go to a .csv or .parquet file, got {path}")
    try:
        writers[path.suffix](table, path)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror or error}") from error


def shown(name: str, value: Any) -> str:  # noqa: ANN401
    """A cell for a person."""
    if value is None:
        return ""
    if name == "bytes":
        return f"{value / 1000:,.0f}"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
