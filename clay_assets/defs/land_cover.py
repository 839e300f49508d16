"""The tiles to train on, drawn by their land cover."""

from typing import Any

import dagster as dg
from pydantic import Field

from clay_assets import landcover
from clay_assets.defs.imagery import OWNERS
from clay_assets.defs.metadata import picture
from clay_assets.defs.partitions import add_tiles
from clay_assets.defs.resources import StoreResource
from clay_assets.defs.tile_runs import logged_progress, reported_as_failure
from clay_assets.errors import InvalidValueError
from clay_assets.geotable import read_geotable
from clay_assets.ingest.aoi import read_area, tiles_of_area
from clay_assets.pictures import Places, map_png
from clay_assets.store import Store

DIVERSITY_COLOUR = "#b388ff"


class CriterionConfig(dg.Config):
    """So many tiles from those where one thing is most common."""

    column: str = Field(description="a class such as `mangroves`, or `count` for diversity")
    sample: int = Field(description="tiles drawn")
    pool: int = Field(description="tiles they are drawn from, most of `column` first")


class TileSampleConfig(dg.Config):
    """Which tiles are drawn, and from which; without tiles or area from all land."""

    worldcover: str = Field(
        default=landcover.LOCATION,
        description="folder, `s3://` or `https://` prefix of ESA WorldCover files, or a STAC file",
    )
    collection: str | None = Field(
        default=None, description="its collection, when `worldcover` is a STAC API"
    )
    overview: int = Field(
        default=landcover.CLAY_OVERVIEW,
        description="overview that is read; 3 as Clay, every 16th pixel; -1 for every pixel",
    )
    tiles: list[str] = Field(default=[], description="MGRS tiles to draw from")
    area: str | None = Field(
        default=None, description="bbox, GeoJSON or file whose tiles are drawn from"
    )
    preset: str = Field(default="v0.2", description=f"one of {', '.join(landcover.PRESETS)}")
    criteria: list[CriterionConfig] = Field(default=[], description="in place of the preset's")
    seed: int | None = Field(default=None, description="in place of the preset's")
    add_partitions: bool = Field(default=False, description="add the sampled tiles as partitions")

    def request(self) -> landcover.SampleRequest:
        """What is asked for.

        Raises:
            ClayAssetsError: it makes no sense.
        """
        if self.tiles and self.area:
            raise InvalidValueError(
                f"give tiles or an area, not both; got {len(self.tiles)} tiles and {self.area!r}"
            )
        preset = landcover.preset_of(self.preset)
        own = [landcover.Criterion(c.column, c.sample, c.pool) for c in self.criteria]
        return landcover.SampleRequest(
            criteria=tuple(own) or preset.criteria,
            seed=preset.seed if self.seed is None else self.seed,
            tiles=tuple(tiles_of_area(read_area(self.area)) if self.area else self.tiles),
            location=self.worldcover,
            collection=self.collection,
            overview=self.overview,
        )


@dg.asset(
    group_name="imagery",
    kinds={"geotiff", "geoparquet"},
    owners=OWNERS,
    code_version=landcover.CODE_VERSION,
)
def tile_sample(
    context: dg.AssetExecutionContext, config: TileSampleConfig, store: StoreResource
) -> dg.MaterializeResult[None]:
    """MGRS tiles to train on, a stratified sample by ESA WorldCover's classes.

    All land takes about 2,650 files of 1 MB and some minutes; what is read once is kept.
    """
    files = store.open()
    with reported_as_failure(), logged_progress(context):
        report = landcover.sample_tiles(files, config.request(), run_id=context.run.run_id)
        if config.add_partitions:
            add_tiles(context.instance, list(report.tiles))
    return dg.MaterializeResult(
        metadata=_metadata(files, report), data_version=dg.DataVersion(report.data_version)
    )


def _metadata(files: Store, report: landcover.SampleReport) -> dict[str, Any]:
    counts = {f"tiles by {name}": count for name, count in report.by_criterion.items()}
    return {
        "map": picture(map_png(_places(files))),
        "tiles": len(report.tiles),
        **counts,
        "candidates": report.candidates,
        "drawn": dg.MetadataValue.json(report.drawn),
        "shortages": dg.MetadataValue.json(list(report.shortages)),
        "files": report.files,
        "files_read": report.files_read,
        "seconds": report.seconds,
        "skipped": report.skipped,
        "statistics": files.url(landcover.STATISTICS_KEY),
        "dagster/row_count": len(report.tiles),
        "dagster/uri": files.url(landcover.SAMPLE_KEY),
    }


def _places(files: Store) -> list[Places]:
    """The sample by the criterion that drew each tile."""
    rows = read_geotable(files, landcover.SAMPLE_KEY)
    legend = {landcover.COUNT_COLUMN: ("Diversity", DIVERSITY_COLOUR)}
    legend |= {class_.column: (class_.name, class_.colour) for class_ in landcover.CLASSES}
    places = []
    for criterion, (name, colour) in legend.items():
        drawn = rows[rows["criterion"] == criterion]
        places.append(Places(name, colour, list(drawn.geometry), list(drawn["mgrs"])))
    return places
