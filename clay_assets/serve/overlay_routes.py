"""The addresses under `/api/beyond/overlays`: pictures of tiles to lay over the map.

A picture serves chips and patches alike, and a tile of a hundred thousand patches is as quick to
show as one of a hundred chips.
"""

from datetime import date as Date
from typing import Annotated, Any, Literal

import numpy as np
import shapely
from fastapi import APIRouter, Path, Query, Response

from clay_assets.analysis.change import tile_days
from clay_assets.analysis.clusters import ClusterSettings, assign
from clay_assets.analysis.pca_picture import coloured_days
from clay_assets.analysis.rows import files_of
from clay_assets.errors import InvalidValueError, NotFoundError
from clay_assets.pictures.footprints import bounds_wgs84, overlay_png
from clay_assets.search.source import SourceFile
from clay_assets.serve.beyond import Analyses
from clay_assets.serve.beyond_asking import ClusterCount, Product, Seed
from clay_assets.serve.service import Service
from clay_assets.store import Store

CLUSTER_COLOURS = (
    "#4e79a7", "#f28e2b", "#59a14f", "#e15759", "#b07aa1", "#edc948", "#76b7b2", "#ff9da7",
    "#9c755f", "#bab0ac",
)  # fmt: skip
"""Tableau's ten; more clusters than these take them again, lighter."""
_LIGHTER = 0.45
SIDE_PX = 1024

Kind = Annotated[
    Literal["colours", "clusters"],
    Query(description="`colours` of the principal components, or `clusters`."),
]
KindOfPath = Annotated[Literal["colours", "clusters"], Path(description="As in the list.")]
Day = Annotated[
    str | None,
    Query(
        description="A day, YYYY-MM-DD; of tiles without it, and by default, the last one.",
        examples=["2021-08-28"],
    ),
]


def cluster_colour(cluster: int) -> str:
    """Colour of a cluster on the map and in legends.

    >>> cluster_colour(0), cluster_colour(10)
    ('#4e79a7', '#9eb5cf')
    """
    turn, place = divmod(cluster, len(CLUSTER_COLOURS))
    base = np.array(list(bytes.fromhex(CLUSTER_COLOURS[place][1:])), np.float64)
    lighter = 255 - (255 - base) * (1 - _LIGHTER) ** turn
    return "#" + bytes(np.rint(lighter).astype(np.uint8).tolist()).hex()


def add_overlay_routes(routes: APIRouter, service: Service, analyses: Analyses) -> None:
    """Add them to `routes`, answering from `service`."""

    @routes.get("/api/beyond/overlays")
    def overlays(kind: Kind, product: Product = None, date: Day = None) -> dict[str, Any]:
        """Where the pictures of each tile lie, and where they go on the map."""
        chips = service.chips(product)
        wanted = _day(date)
        tiles = []
        for file in files_of(service.store, chips.product):
            own = chips.tiles.get(file.tile, ())
            if not own:
                continue  # written a moment ago
            days = sorted({chip.date for chip in own})
            day = str(wanted) if str(wanted) in days else days[-1]
            places = {chip.place for chip in own if chip.date == day}
            bounds = bounds_wgs84([np.array([chips.places[p].footprint for p in sorted(places)])])
            tiles.append(
                {
                    "tile": file.tile,
                    "date": day,
                    "bounds": [round(side, 7) for side in bounds],
                    "url": f"api/beyond/overlays/{kind}/{chips.product}/{file.tile}/{day}.png"
                    f"?v={file.version}",
                }
            )
        answer: dict[str, Any] = {"product": chips.product, "kind": kind, "tiles": tiles}
        if kind == "colours":
            _, scale = analyses.colours(chips.product)
            answer["explained"] = [round(share, 4) for share in scale.explained]
        return answer

    @routes.get(
        "/api/beyond/overlays/{kind}/{product}/{tile}/{date}.png",
        response_class=Response,
        responses={200: {"content": {"image/png": {}}}},
    )
    def overlay(
        kind: KindOfPath,
        product: str,
        tile: str,
        date: str,
        clusters: ClusterCount = 8,
        seed: Seed = 0,
        v: str = "",
    ) -> Response:
        """A tile in colours as a picture in web Mercator, clear where there is no chip."""
        name, day = service.product(product).name, _day(date)
        (file,) = files_of(service.store, name, [tile])
        days = tile_days(service.store, file)
        if day is None or day not in days:
            raise NotFoundError(
                f"tile {tile} has no date {date!r}; it has {', '.join(map(str, days))}"
            )
        if kind == "clusters":
            settings = ClusterSettings(clusters, seed)
            png = _clusters_png(service.store, analyses, file, day, settings)
        else:
            png = _colours_png(service.store, analyses, file, day)
        seconds = 86_400 if v == file.version else 0
        return Response(
            png,
            media_type="image/png",
            headers={"cache-control": f"private, max-age={seconds}" if seconds else "no-cache"},
        )


def _colours_png(store: Store, analyses: Analyses, file: SourceFile, day: Date) -> bytes:
    _, scale = analyses.colours(file.product)
    (found,) = coloured_days(store, file, scale, day=day)
    return overlay_png(found.footprints, found.colours, side_px=SIDE_PX)[0]


def _clusters_png(
    store: Store, analyses: Analyses, file: SourceFile, day: Date, settings: ClusterSettings
) -> bytes:
    centres = analyses.clusters(file.product, settings).centres
    colours = np.array(
        [list(bytes.fromhex(cluster_colour(n)[1:])) for n in range(settings.clusters)], np.uint8
    )
    footprints, numbers = [], []
    for rows in assign(store, [file], centres):
        own = rows.filter(np.array([found == day for found in rows["date"].to_pylist()], bool))
        footprints.append(shapely.from_wkb(own["geometry"].to_numpy()))
        numbers.append(own["cluster"].to_numpy())
    painted = colours[np.concatenate(numbers)]
    return overlay_png(np.concatenate(footprints), painted, side_px=SIDE_PX)[0]


def _day(text: str | None) -> Date | None:
    try:
        return Date.fromisoformat(text) if text else None
    except ValueError as error:
        raise InvalidValueError(f"date must be a day YYYY-MM-DD, got {text!r}") from error
