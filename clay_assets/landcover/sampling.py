"""Stratified sampling of tiles by their land cover, draw by draw as Clay's script does."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from clay_assets.landcover.classes import CLASS_COLUMNS
from clay_assets.landcover.criteria import Criterion


@dataclass(frozen=True)
class TileSample:
    """Tiles that were drawn."""

    rows: pd.DataFrame
    """`mgrs`, `criterion` that drew the tile first, `count`, and the share of each class, 0 to 1;
    in the order of the draws."""
    drawn: dict[str, int]
    """Criterion -> tiles it drew, those of earlier criteria among them."""
    shortages: tuple[str, ...]
    """One line for each criterion that could not draw as many as asked."""


def sample_of(statistics: pd.DataFrame, criteria: Sequence[Criterion], *, seed: int) -> TileSample:
    """Draw tiles: for each criterion a random sample of the tiles with most of it.

    The draw is pandas' `sample` with `random_state=seed`, so that it equals Clay's on equal input.
    Tiles with equally much are ordered by their id; Clay left that to chance.

    Args:
        statistics: `mgrs`, `count`, and pixels of each class, one row a tile.
        criteria: by what to draw; in this order.
        seed: of every draw.
    """
    shares = shares_of(statistics)
    draws, shortages = [], []
    for criterion in criteria:
        ordered = shares.sort_values([criterion.column, "mgrs"], ascending=[False, True])
        pool = ordered.head(criterion.pool)
        size = min(criterion.sample, len(pool))
        if size < criterion.sample:
            shortages.append(
                f"{criterion.column}: {size} tiles instead of {criterion.sample}, all there are"
            )
        draws.append(pool.sample(size, random_state=seed).assign(criterion=criterion.column))
    rows = pd.concat(draws).drop_duplicates("mgrs").reset_index(drop=True)
    columns = ["mgrs", "criterion", *shares.columns.drop("mgrs")]
    drawn = {c.column: len(draw) for c, draw in zip(criteria, draws, strict=True)}
    return TileSample(rows[columns], drawn, tuple(shortages))


def shares_of(statistics: pd.DataFrame) -> pd.DataFrame:
    """The statistics with the share of each class, 0 to 1, in place of its pixels."""
    pixels = statistics[list(CLASS_COLUMNS)]
    shares = pixels.div(pixels.sum(axis=1), axis=0)
    return statistics.assign(**{column: shares[column] for column in CLASS_COLUMNS})
