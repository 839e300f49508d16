"""By what tiles are sampled, and the two sets of criteria that Clay was trained by.

Source:
    Clay-foundation/model, scripts/landcover.py (v0.1) and scripts/pipeline/landcover.py (v0.2).
"""

from dataclasses import dataclass

from clay_assets.errors import InvalidValueError
from clay_assets.landcover.classes import CLASS_COLUMNS, COUNT_COLUMN


@dataclass(frozen=True)
class Criterion:
    """So many tiles from those where one thing is most common."""

    column: str
    """A class of land cover, or `count` for the number of distinct classes."""
    sample: int
    """Tiles drawn."""
    pool: int
    """Tiles they are drawn from: the first so many, most of `column` first."""

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InvalidValueError: one of them makes no sense.
        """
        allowed = (COUNT_COLUMN, *CLASS_COLUMNS)
        if self.column not in allowed:
            raise InvalidValueError(
                f"a criterion's column must be one of {', '.join(allowed)}, got {self.column!r}"
            )
        if not 1 <= self.sample <= self.pool:
            raise InvalidValueError(
                f"criterion {self.column} must draw 1 to pool tiles, got a sample of "
                f"{self.sample} from a pool of {self.pool}"
            )


@dataclass(frozen=True)
class Preset:
    """A set of criteria with its seed."""

    criteria: tuple[Criterion, ...]
    """A tile that two of them draw counts for the first."""
    seed: int
    """Of every draw."""


PRESETS: dict[str, Preset] = {
    "v0.1": Preset(
        (
            Criterion("count", 500, 3000),
            Criterion("built_up", 400, 1000),
            Criterion("wetland", 50, 500),
            Criterion("mangroves", 50, 500),
            Criterion("moss_lichen", 50, 500),
            Criterion("cropland", 100, 500),
            Criterion("tree_cover", 100, 500),
            Criterion("shrubland", 50, 500),
            Criterion("grassland", 50, 500),
            Criterion("bare", 50, 500),
            Criterion("snow_ice", 50, 500),
            Criterion("water", 100, 1000),
        ),
        seed=42,
    ),
    "v0.2": Preset(
        (
            Criterion("count", 400, 2000),
            Criterion("built_up", 1000, 1500),
            Criterion("wetland", 50, 500),
            Criterion("mangroves", 50, 500),
            Criterion("moss_lichen", 50, 500),
            Criterion("cropland", 800, 3600),
            Criterion("tree_cover", 150, 750),
            Criterion("shrubland", 100, 500),
            Criterion("grassland", 200, 500),
            Criterion("bare", 50, 500),
            Criterion("snow_ice", 25, 250),
            Criterion("water", 50, 1000),
        ),
        seed=23,
    ),
}
"""Clay's criteria by release."""


def preset_of(name: str) -> Preset:
    """A preset by its name.

    Raises:
        InvalidValueError: there is no such preset.
    """
    if name not in PRESETS:
        raise InvalidValueError(f"preset must be one of {', '.join(PRESETS)}, got {name!r}")
    return PRESETS[name]
