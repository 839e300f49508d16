"""`clay-assets embeddings`: list, export, evaluate."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from clay_assets.cli.terminal import HomeOption, clear_errors, console, settings_of

if TYPE_CHECKING:
    from clay_assets.evaluation import Evaluation
    from clay_assets.evaluation.labels import Labels
    from clay_assets.store import Store

embeddings_app = typer.Typer(help="List, export and evaluate embeddings.", no_args_is_help=True)


class Format(StrEnum):
    """What an export writes."""

    csv = "csv"
    numpy = "numpy"
    patches = "patches"
    stac = "stac"


class Metric(StrEnum):
    """How far two vectors are apart."""

    cosine = "cosine"
    euclidean = "euclidean"


TilesOption = Annotated[
    list[str] | None,
    typer.Option("--tile", help="Only this MGRS tile; can be repeated.", metavar="MGRS"),
]


@embeddings_app.command("list")
def list_(home: HomeOption = None) -> None:
    """List the products that have embeddings, and what they are."""
    with clear_errors():
        from clay_assets.embeddings import list_files, read_metadata

        store = settings_of(home).store
        table = Table(
            "product", "level", "shape", "stored as", "checkpoint", "tiles", "MB", "dates"
        )
        files = list_files(store)
        for product in dict.fromkeys(file.product for file in files):
            own = [file for file in files if file.product == product]
            newest = read_metadata(store, max(own, key=lambda file: file.modified).key)
            first = min(file.first_date for file in own)
            last = max(file.last_date for file in own)
            table.add_row(
                product,
                newest.level,
                " x ".join(map(str, newest.shape)),
                newest.dtype,
                newest.checkpoint_id,
                str(len(own)),
                f"{sum(file.size for file in own) / 1e6:.1f}",
                str(first) if first == last else f"{first} to {last}",
            )
        console.print(table)


@embeddings_app.command("export")
def export(
    product: Annotated[str, typer.Argument(help="Product, one that `list` shows.")],
    format_: Annotated[Format, typer.Option("--format", help="What to write.")],
    to: Annotated[
        Path,
        typer.Option(help="Folder for a file a tile; or one .csv or .npy file for all tiles."),
    ],
    tile: TilesOption = None,
    image_set: Annotated[
        str | None,
        typer.Option("--image-set", "--images", help="Instead of chips, the pictures of this set."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files.")] = False,
    home: HomeOption = None,
) -> None:
    """Write a product's embeddings as CSV, numpy, patch rows or a STAC catalogue."""
    with clear_errors():
        from clay_assets.embeddings.export import export as write
        from clay_assets.embeddings.listing import files_of
        from clay_assets.images.export import export_set

        store, kind = settings_of(home).store, format_.value
        if image_set is not None:
            written = [export_set(store, product, image_set, kind, to, overwrite=overwrite)]
        else:
            files = files_of(store, product, _names(tile))
            written = write(store, files, kind, to, overwrite=overwrite)
        for path in written:
            console.print(str(path), soft_wrap=True, highlight=False)


@embeddings_app.command("evaluate")
def evaluate(
    products: Annotated[list[str], typer.Argument(help="Products to compare.")],
    labels: Annotated[
        Path | None,
        typer.Option(help="CSV or Parquet with filename or chip_id, and label.", metavar="TABLE"),
    ] = None,
    label_column: Annotated[str, typer.Option(help="With --labels: column to use.")] = "label",
    label_rule: Annotated[
        str | None,
        typer.Option(
            help="`genus_species`, or a regular expression on file names whose group is the label."
        ),
    ] = None,
    image_set: Annotated[
        str | None,
        typer.Option(
            "--image-set",
            "--images",
            help="Evaluate on the pictures of this set; its own labels by default.",
        ),
    ] = None,
    tile: TilesOption = None,
    k: Annotated[int, typer.Option("-k", help="Neighbours that vote.")] = 5,
    metric: Annotated[Metric, typer.Option(help="How vectors are compared.")] = Metric.cosine,
    seed: Annotated[int, typer.Option(help="Of samples and permutations.")] = 0,
    max_rows: Annotated[int, typer.Option(help="Rows that are compared at most.")] = 10_000,
    to: Annotated[
        Path | None, typer.Option(help="Also write the table: .csv or .parquet.", dir_okay=False)
    ] = None,
    home: HomeOption = None,
) -> None:
    """Compare products by how well they tell labelled chips or pictures apart."""
    with clear_errors():
        from clay_assets.evaluation import EvaluationSettings, comparison_table, evaluate_vectors
        from clay_assets.evaluation.comparison import write_table
        from clay_assets.evaluation.vectors import chip_vectors, image_vectors

        settings = EvaluationSettings(k, metric.value, max_rows, seed)
        store = settings_of(home).store
        known = _labels(store, labels, label_column, label_rule, image_set)
        rows = []
        for product in dict.fromkeys(products):
            vectors = (
                image_vectors(store, product, image_set)
                if image_set
                else chip_vectors(store, product, _names(tile))
            )
            figures = evaluate_vectors(vectors, known, settings)
            rows.append((product, vectors.stored_bytes, figures))
        table = comparison_table(rows)
        _print_comparison(table.to_pylist(), [figures for _, _, figures in rows])
        if to is not None:
            write_table(table, to)
            console.print(f"Wrote {to}.")


def _labels(
    store: "Store", table: Path | None, column: str, rule: str | None, image_set: str | None
) -> "Labels":
    """Labels as asked for on the command line.

    Raises:
        InvalidValueError: both a table and a rule, or neither and nothing to fall back on.
    """
    from clay_assets.errors import InvalidValueError
    from clay_assets.evaluation.labels import RuleLabels, TableLabels, labels_of
    from clay_assets.images.sets import read_set

    if table is not None and rule is not None:
        raise InvalidValueError("--labels and --label-rule exclude each other; give one of them")
    if table is not None:
        return TableLabels(table, column)
    if rule is not None:
        return RuleLabels(rule)
    declared = read_set(store, image_set).labels if image_set else None
    if declared is None:
        of = f"image set {image_set} has none of its own" if image_set else "chips have none"
        raise InvalidValueError(f"labels are needed, {of}; give --labels TABLE or --label-rule")
    return labels_of(declared)


def _names(tiles: list[str] | None) -> set[str] | None:
    from clay_assets.mgrs import parse_tile

    return {parse_tile(tile) for tile in tiles} if tiles else None


def _print_comparison(rows: Sequence[dict[str, object]], figures: "Sequence[Evaluation]") -> None:
    from clay_assets.evaluation.comparison import TITLES, shown

    # A column a product: their names are long, and there are fewer of them than figures.
    table = Table(
        TITLES["product"], *(str(row["product"]) for row in rows), box=None, pad_edge=False
    )
    for name, title in list(TITLES.items())[1:]:
        table.add_row(title, *(shown(name, row[name]) for row in rows))
    console.print(table)
    one = figures[0]
    console.print(
        f"{one.sampled} of {one.rows} rows in {one.classes} classes, {one.metric}, k {one.k}, seed "
        f"{one.seed}; the largest class has {one.majority_share:.1%}. Left out: {one.unlabelled} "
        f"without a label, {one.left_out} classes of one. PERMANOVA of {one.permanova_rows} rows.",
        style="dim",
    )
