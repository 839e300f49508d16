"""Small chips for the tests."""

import numpy as np

from clay_assets.bands import BAND_NAMES
from clay_assets.chips import Chip, ChipRow


def make_chip(chip_id="claytile_32VKM_20230612_v10_0001", *, size=32, bands=BAND_NAMES, seed=0):
    rng = np.random.default_rng(seed)
    pixels = rng.uniform(1, 3000, (len(bands), size, size)).astype("float32")
    bounds = (300_000.0, 6_500_000.0, 300_000.0 + 10 * size, 6_500_000.0 + 10 * size)
    return Chip(chip_id, pixels, bands, "2023-06-12", 32632, bounds, {"scenes": "a b"})


def make_row(number=1, *, date="2023-06-12", content_hash="0" * 16, **changes):
    chip_id = f"claytile_32VKM_{date.replace('-', '')}_v10_{number:04d}"
    fields = {
        "chip_id": chip_id,
        "mgrs": "32VKM",
        "date": date,
        "number": number,
        "row": 0,
        "col": 32 * (number - 1),
        "path": f"chips/32VKM/{date}/{chip_id}.tif",
        "epsg": 32632,
        "bounds": (300_000.0, 6_500_000.0, 300_320.0, 6_500_320.0),
        "gsd_m": 10.0,
        "chip_size": 32,
        "bands": BAND_NAMES,
        "cloud_share": 0.25,
        "nodata_share": 0.0,
        "scenes": ("S2A_X", "S1A_Y"),
        "content_hash": content_hash,
    }
    return ChipRow(**fields | changes)
