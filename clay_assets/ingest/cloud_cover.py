"""How cloudy the chosen scenes of a tile are, as their catalogue says."""

import pyarrow.parquet as pq

from clay_assets.ingest.recipe import read_recipe, recipe_key
from clay_assets.store import Store

_COLUMN = "eo:cloud_cover"


def cloud_cover_by_date(store: Store, tile: str) -> dict[str, float]:
    """Mean cloud cover in percent of the scenes of each date of a tile's recipe.

    A date is left out when none of its scenes says it, as ready chips never do.

    Raises:
        NotFoundError: the tile has no recipe.
    """
    recipe = read_recipe(store, tile)
    with store.open(recipe_key(tile)) as file:
        if _COLUMN not in pq.read_schema(file).names:
            return {}
        table = pq.read_table(file, columns=["id", _COLUMN])
    of_scene = dict(zip(table["id"].to_pylist(), table[_COLUMN].to_pylist(), strict=True))
    by_date = {
        plan.date: [cover for scene in plan.scenes if (cover := of_scene.get(scene)) is not None]
        for plan in recipe.dates
    }
    return {date: sum(covers) / len(covers) for date, covers in by_date.items() if covers}
