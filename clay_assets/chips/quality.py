"""Whether the pixels of a chip are good enough: Clay's rules.

Source:
    Clay-foundation/model, scripts/pipeline/tile.py, release v0.0.1.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from clay_assets.bands import SCL_BAD, SENTINEL1_BANDS, SENTINEL2_BANDS

MAX_CLOUD_SHARE = 0.3
"""A chip with so many of its pixels in `SCL_BAD`, or more, is rejected."""

NO_OPTICAL = "no Sentinel-2 data"
NO_RADAR = "no Sentinel-1 data"
NO_ELEVATION = "no elevation"
CLOUD = "cloud"


@dataclass(frozen=True)
class Quality:
    """What the pixels of a chip are like."""

    cloud_share: float | None
    """Share of its pixels, 0 to 1, in `SCL_BAD`; None without a classification."""
    nodata_share: float
    """Share of its pixels, 0 to 1, that are 0 in some Sentinel-2 band."""
    fault: str | None
    """Why it is rejected; None when it is kept."""


def judge(
    pixels: npt.NDArray[np.float32],
    bands: tuple[str, ...],
    classes: npt.NDArray[np.uint8] | None = None,
) -> Quality:
    """Judge one chip.

    Args:
        pixels: (C, H, W) float32; 0 is nodata in Sentinel-2, NaN in the other bands.
        bands: names of the C bands, B02 among them.
        classes: (H, W) Sentinel-2 scene classification.
    """
    by_name = dict(zip(bands, pixels, strict=True))
    optical = [by_name[name] for name in SENTINEL2_BANDS if name in by_name]
    radar = [by_name[name] for name in SENTINEL1_BANDS if name in by_name]
    elevation = [by_name["dem"]] if "dem" in by_name else []
    cloud_share = None if classes is None else float(np.isin(classes, list(SCL_BAD)).mean())
    faults = (
        (NO_OPTICAL, bool((by_name["B02"] == 0).any())),
        (NO_RADAR, any(bool(np.isnan(band).any()) for band in radar)),
        (NO_ELEVATION, any(bool(np.isnan(band).any()) for band in elevation)),
        (CLOUD, cloud_share is not None and cloud_share >= MAX_CLOUD_SHARE),
    )
    return Quality(
        cloud_share=cloud_share,
        nodata_share=float(np.any([band == 0 for band in optical], axis=0).mean()),
        fault=next((reason for reason, holds in faults if holds), None),
    )
