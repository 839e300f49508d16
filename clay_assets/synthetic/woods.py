"""Where trees stand, and which."""

import numpy as np

from clay_assets.synthetic.landform import Landform
from clay_assets.synthetic.noise import Floats, fractal, key_of
from clay_assets.synthetic.parcels import Parcels, share_of
from clay_assets.synthetic.town import Town

TREE_LINE_M = 1780.0


def forest_share(seed: int, land: Landform, region: Floats, fields: Parcels, town: Town) -> Floats:
    """Share of trees: slopes, river banks and poor parcels, not towns, nor above the tree line.

    Args:
        seed: of the landscape.
        land: shape of the rectangle.
        region: broad noise of unit deviation.
        fields: parcels; in the plain a whole one is wooded or not.
        town: built-up land.
    """
    woods = fractal(key_of(seed, "woods"), land.window, (1, 0.9, 0.7, 0.5, 0.3, 0.12, 0.05))
    parcel = share_of(fields.identity, "woods") - np.float32(0.5)
    riverside = np.clip(1 - land.bank_m / 60, 0, 1) * (land.bank_m > 0)
    wish = 0.55 * woods + 5 * np.clip(land.slope - 0.10, 0, 0.3)
    wish += (1.1 * parcel - 0.62) * (1 - land.mountain) + 0.25 * land.mountain
    wish += riverside * (0.9 + 0.4 * parcel) - 3 * town.density
    below = np.clip((TREE_LINE_M + 90 * region - land.height_m) / 160, -1, 1)
    share: Floats = np.clip(np.minimum(wish, below) * 4 + 0.5, 0, 1)
    return share


def needle_share(land: Landform, stands: Floats, region: Floats) -> Floats:
    """Share of spruce among the trees: little below, most of them above, stand by stand."""
    wish = (land.height_m - 780) / 500 + 0.9 * (stands - 0.5) + 0.35 * region
    share: Floats = np.clip(wish * 3 + 0.5, 0.04, 0.97)
    return share


def dwarf_share(land: Landform, stands: Floats, region: Floats) -> Floats:
    """Share of dwarf pine, in a belt about the tree line."""
    off = np.abs(land.height_m - (TREE_LINE_M + 60)) / 220
    share: Floats = np.clip(1.2 * region - 0.2 + 0.3 * stands - off, 0, 1)
    return share * (land.mountain > 0.5)
