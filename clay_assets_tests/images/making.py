"""Pictures of every kind, as cameras, scanners and satellites save them."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from rasterio.io import MemoryFile
from rasterio.transform import from_origin


def picture(seed: int = 0, size: tuple[int, int] = (40, 30)) -> Image.Image:
    """Smooth colours of a seed, `size` wide and high."""
    small = np.random.default_rng(seed).integers(0, 256, (3, 4, 3), dtype=np.uint8)
    return Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """The picture as a file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def geotiff(
    bands: np.ndarray, *, names: tuple[str, ...] = (), epsg: int | None = None, **profile: Any
) -> bytes:
    """(C, H, W) as a GeoTIFF of 10 m pixels from 600,000 E 6,700,000 N."""
    count, height, width = bands.shape
    if epsg is not None:
        profile |= {"crs": f"EPSG:{epsg}", "transform": from_origin(600_000, 6_700_000, 10, 10)}
    with MemoryFile() as file:
        with file.open(
            driver="GTiff", count=count, height=height, width=width, dtype=bands.dtype, **profile
        ) as dataset:
            dataset.write(bands)
            for number, name in enumerate(names, start=1):
                dataset.set_band_description(number, name)
        return bytes(file.getbuffer())


def put_pictures(folder: Path, names: list[str], *, seed: int = 0) -> None:
    """A PNG a name; the seed and the place in the list decide its colours."""
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(picture(seed + number)))
