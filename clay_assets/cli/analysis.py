"""`clay-assets analysis`: classes, change, clusters, outliers, and pictures of vectors."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markdown import Markdown
from rich.table import Table

from clay_assets.cli.terminal import (
    HomeOption,
    clear_errors,
    console,
    progress_bars,
    settings_of,
)

if TYPE_CHECKING:
    import geopandas

    from clay_assets.settings import Settings

analysis_app = typer.Typer(
    help="What embeddings tell besides neighbours.",
    no_args_is_help=True,
)

ProductOption = Annotated[
    str | None, typer.Option(help="Embedding product; default the first declared.")
]
ToOption = Annotated[
    Path | None,
    typer.Option(help="File to write: .geojson, .parquet or .csv.", dir_okay=False),
]
TilesOption = Annotated[list[str] | None, typer.Option("--tile", help="Only these MGRS tiles.")]
CloudOption = Annotated[
    float, typer.Option(help="Only rows known to have at most this share of cloud, 0 to 1.")
]


class Model(StrEnum):
    """Kinds of classifier."""

    logistic = "logistic"
    boosting = "boosting"


@analysis_app.command()
def classify(
    labels: Annotated[str, typer.Argument(help="Name of a label set, saved on the search page.")],
    product: ProductOption = None,
    model: Annotated[Model, typer.Option(help="Kind of classifier.")] = Model.logistic,
    folds: Annotated[int, typer.Option(help="Rounds of the cross-validation.")] = 5,
    block_km: Annotated[
        float | None,
        typer.Option(help="Side of a block of ground; default the largest that allows the folds."),
    ] = None,
    background: Annotated[
        int, typer.Option(help="So many unlabelled rows are a class of their own.")
    ] = 0,
    min_confidence: Annotated[
        float, typer.Option(help="Write only what the classifier is so sure of, 0 to 1.")
    ] = 0.0,
    tile: TilesOption = None,
    to: ToOption = None,
    home: HomeOption = None,
) -> None:
    """Train on a label set, report how far to trust it, and write what it tells of every row."""
    with clear_errors():
        import geopandas
        import pandas as pd
        import shapely

        from clay_assets.analysis.classifier import ClassifierSettings, train
        from clay_assets.analysis.labelled import labels_of_set
        from clay_assets.analysis.predictions import PredictionFilter, predict
        from clay_assets.analysis.reporting import report_markdown

        settings = settings_of(home)
        name = product or _first_product(settings)
        wanted = PredictionFilter(min_confidence, tiles=tuple(tile or ()))
        how = ClassifierSettings(model.value, folds, block_km, background)
        with progress_bars():
            classifier = train(
                settings.store, name, labels_of_set(settings.store, labels, name), how
            )
        console.print(Markdown(report_markdown(classifier.report.to_json())))
        if to is None:
            return
        frames = []
        with progress_bars():
            for rows in predict(settings.store, classifier, wanted):
                geometry = shapely.from_wkb(rows["geometry"].to_numpy())
                frame = rows.drop_columns(["geometry"]).to_pandas()
                frames.append(geopandas.GeoDataFrame(frame, geometry=geometry, crs="OGC:CRS84"))
        _write(pd.concat(frames, ignore_index=True), to)


@analysis_app.command()
def change(
    before: Annotated[
        str | None,
        typer.Option(help="A day, or two with a slash between; default each tile's first day."),
    ] = None,
    after: Annotated[
        str | None,
        typer.Option(help="A day, or two with a slash between; default each tile's last day."),
    ] = None,
    product: ProductOption = None,
    max_cloud: CloudOption = 0.3,
    tile: TilesOption = None,
    most: Annotated[int, typer.Option("-k", help="How many are listed.", min=1)] = 10,
    to: ToOption = None,
    home: HomeOption = None,
) -> None:
    """List the places whose vectors moved most between two dates."""
    with clear_errors():
        import pandas as pd

        from clay_assets.analysis.change import ChangeSettings, Period, changes

        settings = settings_of(home)
        how = ChangeSettings(
            Period.parse(before, name="before") if before else None,
            Period.parse(after, name="after") if after else None,
            max_cloud,
        )
        name = product or _first_product(settings)
        with progress_bars():
            found = [each.frame for each in changes(settings.store, name, how, tuple(tile or ()))]
        frame = pd.concat(found).sort_values("distance", ascending=False, ignore_index=True)
        _print(frame.head(most), ("id", "date_before", "date", "distance", "z"))
        if to is not None:
            _write(frame, to)


@analysis_app.command()
def clusters(
    count: Annotated[int, typer.Option("-k", help="How many clusters.")] = 8,
    product: ProductOption = None,
    seed: Annotated[int, typer.Option(help="Of the sample and the start.")] = 0,
    to: ToOption = None,
    home: HomeOption = None,
) -> None:
    """Group all rows by what the vectors tell apart, and list the typical ones."""
    with clear_errors():
        import geopandas
        import pyarrow as pa
        import shapely

        from clay_assets.analysis.clusters import (
            ClusterSettings,
            Summaries,
            assign,
            find_centres,
        )
        from clay_assets.analysis.rows import files_of

        settings = settings_of(home)
        store, files = settings.store, files_of(settings.store, product or _first_product(settings))
        how = ClusterSettings(count, seed)
        with progress_bars():
            centres, summaries, kept = find_centres(store, files, how), Summaries(count), []
            for rows in assign(store, files, centres):
                summaries.add(rows)
                if to is not None:
                    kept.append(rows)
        table = Table("cluster", "rows", "most typical", box=None)
        for each in summaries.list():
            table.add_row(str(each.cluster), str(each.rows), ", ".join(each.typical[:1]))
        console.print(table)
        console.print(
            f"Silhouette {centres.silhouette:.2f}; the clusters explain {centres.explained:.0%} of "
            f"the variance of {centres.sampled} sampled rows.",
            style="dim",
        )
        if to is not None:
            rows = pa.concat_tables(kept)
            geometry = shapely.from_wkb(rows["geometry"].to_numpy())
            frame = rows.drop_columns(["geometry"]).to_pandas()
            _write(geopandas.GeoDataFrame(frame, geometry=geometry, crs="OGC:CRS84"), to)


@analysis_app.command()
def outliers(
    most: Annotated[int, typer.Option("-k", help="How many.")] = 20,
    neighbours: Annotated[
        int, typer.Option(help="The distance to this nearest of a sample counts.")
    ] = 5,
    product: ProductOption = None,
    max_cloud: CloudOption = 1.0,
    to: ToOption = None,
    home: HomeOption = None,
) -> None:
    """List the rows that look like nothing else."""
    with clear_errors():
        from clay_assets.analysis.outliers import OutlierSettings, find_outliers
        from clay_assets.analysis.rows import files_of

        settings = settings_of(home)
        how = OutlierSettings(most, neighbours, max_cloud)
        with progress_bars():
            files = files_of(settings.store, product or _first_product(settings))
            found = find_outliers(settings.store, files, how)
        _print(found.frame, ("id", "date", "distance", "z", "nearest"))
        if to is not None:
            _write(found.frame, to)


@analysis_app.command()
def colours(
    tile: Annotated[str, typer.Argument(help="MGRS tile, 32VKM.")],
    to: Annotated[Path, typer.Option(help="PNG to write.", dir_okay=False)] = Path("colours.png"),
    product: ProductOption = None,
    home: HomeOption = None,
) -> None:
    """Draw a tile's vectors: three principal components as red, green and blue."""
    with clear_errors():
        from clay_assets.analysis.tile_outputs import keep_map

        settings = settings_of(home)
        name = product or _first_product(settings)
        output = keep_map(settings.store, name, tile, run_id="command line")
        to.write_bytes(output.png or b"")
        share = output.record.figures["explained_variance"]
        console.print(f"Wrote {to}; the colours hold {share:.0%} of the variance.")


def _first_product(settings: "Settings") -> str:
    from clay_assets.embeddings import load_products

    return next(iter(load_products(settings.products_file)))


def _print(frame: "geopandas.GeoDataFrame", columns: tuple[str, ...]) -> None:
    table = Table("#", *columns, box=None, pad_edge=False)
    for rank, row in enumerate(frame[list(columns)].itertuples(index=False), start=1):
        cells = (f"{cell:.4f}" if isinstance(cell, float) else str(cell) for cell in row)
        table.add_row(str(rank), *cells)
    console.print(table)


def _write(frame: "geopandas.GeoDataFrame", to: Path) -> None:
    """Write a frame in the format of the file's name.

    Raises:
        typer.BadParameter: it has none of the known endings.
    """
    days = [name for name in ("date", "date_before") if name in frame]
    if to.suffix in (".geojson", ".json"):
        to.write_text(frame.assign(**{name: frame[name].astype(str) for name in days}).to_json())
    elif to.suffix in (".parquet", ".geoparquet"):
        frame.to_parquet(to, index=False)
    elif to.suffix == ".csv":
        middles = frame.geometry.centroid
        frame.drop(columns="geometry").assign(lon=middles.x, lat=middles.y).to_csv(to, index=False)
    else:
        raise typer.BadParameter(f"the file must end in .geojson, .parquet or .csv, got {to}")
    console.print(f"Wrote {len(frame)} rows to {to}.")
