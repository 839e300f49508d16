"""Outputs of one tile: the picture of its vectors, and how it has changed."""

from dataclasses import asdict

import geopandas
import numpy as np

from clay_assets.analysis import change as change_
from clay_assets.analysis import pca_picture
from clay_assets.analysis.change import Change, ChangeSettings, change_of_tile, tile_days
from clay_assets.analysis.pca_picture import ColouredRows, coloured_days, fit_colours
from clay_assets.analysis.records import (
    Output,
    Record,
    known_record,
    output_key,
    version_of_inputs,
    write_record,
)
from clay_assets.analysis.rows import files_of
from clay_assets.geotable import write_geotable
from clay_assets.pictures.footprints import FootprintPanel, footprints_png, overlay_png
from clay_assets.pictures.legend import LegendEntry
from clay_assets.store import Store

MAP, CHANGE = "embedding_map", "change"
MOST_DAYS = 4
"""Pictures side by side; of more days some are left out, evenly."""
ONE_DATE = "none: the tile has one date; add imagery of another to see change"
_STILL, _CHANGED = np.array([38, 44, 58]), np.array([255, 194, 77])
_LEAST_SPAN = 0.02
"""Cosine distance from the darkest to the brightest at least, so that noise stays dark."""


def keep_map(store: Store, product: str, tile: str, *, run_id: str, seed: int = 0) -> Output:
    """Colour a tile by the principal components of its own vectors, a picture a day.

    Raises:
        NotFoundError: the tile has no embeddings of the product.
        InvalidValueError: it has fewer than three rows.
    """
    (file,) = files_of(store, product, [tile])
    version = version_of_inputs(pca_picture.CODE_VERSION, file.version, seed)
    key, record_key = (output_key(MAP, product, f"{tile}.{end}") for end in ("png", "json"))
    if record := known_record(store, record_key, version):
        return Output(record, store.read_bytes(key), key)
    scale = fit_colours(store, [file], seed=seed)
    days = coloured_days(store, file, scale)
    shown = [days[place] for place in _evenly(len(days), MOST_DAYS)]
    png = footprints_png([_panel(day, file.grid is not None) for day in shown])
    figures = {
        "rows": file.rows,
        "days": [str(day.date) for day in days],
        "explained_variance": sum(scale.explained),
        "explained_by_component": list(scale.explained),
    }
    store.write_bytes(key, png)
    record = write_record(store, record_key, Record(version, run_id, figures))
    return Output(record, png, key)


def keep_change(
    store: Store, product: str, tile: str, settings: ChangeSettings, *, run_id: str
) -> Output:
    """Write a tile's change as GeoParquet, with a map of it.

    Raises:
        NotFoundError: the tile has no embeddings of the product, or not of the dates asked for.
    """
    (file,) = files_of(store, product, [tile])
    version = version_of_inputs(change_.CODE_VERSION, file.version, asdict(settings))
    key, record_key, png_key = (
        output_key(CHANGE, product, f"{tile}.{end}") for end in ("parquet", "json", "png")
    )
    if record := known_record(store, record_key, version):
        has_picture = record.figures.get("places")
        return Output(record, store.read_bytes(png_key) if has_picture else None, key)
    if not (settings.before or settings.after) and len(tile_days(store, file)) == 1:
        record = Record(version, run_id, {"change": ONE_DATE})
        store.delete([key, png_key])
        return Output(write_record(store, record_key, record), None, key)
    change = change_of_tile(store, product, tile, settings)
    write_geotable(store, key, change.frame, {"version": version, "run_id": run_id})
    png = change_png(change) if len(change.frame) else None
    if png:
        store.write_bytes(png_key, png)
    record = Record(version, run_id, change_figures(change))
    return Output(write_record(store, record_key, record), png, key)


def change_figures(change: Change) -> dict[str, object]:
    """The numbers that a person looks at."""
    distances = change.frame["distance"].to_numpy()
    percentiles = np.percentile(distances, [50, 95]) if len(distances) else (None, None)
    return {
        "before": str(change.before),
        "after": str(change.after),
        "places": len(change.frame),
        "unpaired": change.unpaired,
        "median_distance": None if percentiles[0] is None else float(percentiles[0]),
        "p95_distance": None if percentiles[1] is None else float(percentiles[1]),
        "most_changed": change.frame["id"].head(5).tolist(),
    }


def change_png(change: Change) -> bytes:
    """A map: the more a place has changed, the brighter."""
    frame = change.frame
    low, high = change_limits(frame)
    entries = [
        LegendEntry(_hex(_STILL), f"cosine distance {low:.3f}"),
        LegendEntry(_hex(_CHANGED), f"{high:.3f} or more"),
    ]
    title = f"{change.tile}: {change.before} to {change.after}"
    note = f"{len(frame)} places, {change.unpaired} not seen in both"
    colours = change_colours(frame)
    return footprints_png(
        [FootprintPanel(frame.geometry.to_numpy(), colours, title, note)], entries
    )


def change_colours(frame: geopandas.GeoDataFrame) -> np.ndarray:
    """(N, 3) uint8, brighter where the distance is larger."""
    low, high = change_limits(frame)
    share = ((frame["distance"].to_numpy() - low) / (high - low)).clip(0, 1)[:, None]
    colours: np.ndarray = np.rint(_STILL + share * (_CHANGED - _STILL)).astype(np.uint8)
    return colours


def change_limits(frame: geopandas.GeoDataFrame) -> tuple[float, float]:
    """Distances of the darkest and the brightest: the median, and nearly the largest."""
    low, high = np.percentile(frame["distance"], [50, 99])
    return float(low), float(max(high, low + _LEAST_SPAN))


def map_overlay(day: ColouredRows, *, side_px: int) -> tuple[bytes, tuple[float, ...]]:
    """A day's picture to lay over a web map, and where it goes."""
    return overlay_png(day.footprints, day.colours, side_px=side_px)


def _panel(day: ColouredRows, has_patches: bool) -> FootprintPanel:
    kind = "patches" if has_patches else "chips"
    return FootprintPanel(day.footprints, day.colours, str(day.date), f"{len(day.ids)} {kind}")


def _evenly(count: int, most: int) -> list[int]:
    """At most so many of `count` places, the first and the last among them.

    >>> _evenly(9, 4), _evenly(2, 4)
    ([0, 3, 5, 8], [0, 1])
    """
    return sorted({round(place) for place in np.linspace(0, count - 1, min(count, most))})


def _hex(colour: np.ndarray) -> str:
    return "#" + bytes(colour.tolist()).hex()
