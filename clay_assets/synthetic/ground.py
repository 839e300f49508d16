"""What lies where: height and land cover of any rectangle of the tile."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clay_assets.synthetic.noise import Floats, Window, fractal, key_of, white

HALO_PX = 8


@dataclass(frozen=True)
class Ground:
    """Ground of one rectangle, without season or weather."""

    window: Window
    """10 m pixels of the tile."""
    height_m: Floats
    """Terrain height."""
    land_cover: NDArray[np.uint8]
    """ESA WorldCover codes."""
    parcel: Floats
    """Uniform in [0, 1), one value a field."""


def ground_of(seed: int, window: Window) -> Ground:
    """Ground of `window`."""
    relief = fractal(key_of(seed, "relief"), window, [2.0**-i for i in range(10)])
    height = 700 + 150 * relief
    woods = fractal(key_of(seed, "woods"), window, [1, 0.7, 0.5, 0.3, 0.15])
    size = 32
    columns = np.arange(window.x, window.x + window.width) // size
    rows = np.arange(window.y, window.y + window.height) // size
    cells = Window(
        int(columns[0]),
        int(rows[0]),
        int(columns[-1] - columns[0]) + 1,
        int(rows[-1] - rows[0]) + 1,
    )
    parcel = (white(key_of(seed, "parcels"), cells) + 1) / 2
    parcel = parcel[np.ix_(rows - rows[0], columns - columns[0])]
    cover = np.full(window.shape, 40, np.uint8)
    cover[parcel < 0.3] = 30
    cover[woods > 0.8] = 10
    cover[height > 950] = 60
    cover[height < 520] = 80
    return Ground(window, height.astype(np.float32), cover, parcel.astype(np.float32))
