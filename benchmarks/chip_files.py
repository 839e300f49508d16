"""How chips are best stored: time to write, size, and time to read a whole chip as float32.

    python benchmarks/chip_files.py --chips 12

Chips are cut from a synthetic landscape. Times are CPU seconds of one thread a chip, the least of
three rounds, so other load counts little.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rasterio.io import MemoryFile

from clay_assets.bands import BAND_NAMES
from clay_assets.ingest import find_imagery, list_tiles, open_date, plan_tile, read_recipe
from clay_assets.store import Store
from clay_assets.synthetic import generate

CHIP_PX = 512
ROUNDS = 3
DEFLATE, ZSTD, LERC = {"compress": "deflate"}, {"compress": "zstd"}, {"compress": "lerc_zstd"}
BAND = {"interleave": "band"}
TILED = {"tiled": True, "blockxsize": 256, "blockysize": 256}
LAYOUTS: dict[str, dict[str, object]] = {
    "uncompressed": BAND,
    "deflate 6, no predictor, pixel: rioxarray's, and so the plain way's": DEFLATE
    | {"interleave": "pixel"},
    "deflate 6, predictor 3, pixel": DEFLATE | {"predictor": 3, "interleave": "pixel"},
    "deflate 1, predictor 2": DEFLATE | BAND | {"predictor": 2, "zlevel": 1},
    "deflate 1, predictor 3": DEFLATE | BAND | {"predictor": 3, "zlevel": 1},
    "deflate 2, predictor 3": DEFLATE | BAND | {"predictor": 3, "zlevel": 2},
    "deflate 3, predictor 3": DEFLATE | BAND | {"predictor": 3, "zlevel": 3},
    "deflate 6, predictor 3": DEFLATE | BAND | {"predictor": 3, "zlevel": 6},
    "deflate 9, predictor 3": DEFLATE | BAND | {"predictor": 3, "zlevel": 9},
    "deflate 1, predictor 3, strips of 64 rows": DEFLATE
    | BAND
    | {"predictor": 3, "zlevel": 1, "blockysize": 64},
    "deflate 1, predictor 3, strips of 512 rows": DEFLATE
    | BAND
    | {"predictor": 3, "zlevel": 1, "blockysize": 512},
    "deflate 1, predictor 3, tiles of 256": DEFLATE | BAND | TILED | {"predictor": 3, "zlevel": 1},
    "zstd 1, predictor 2": ZSTD | BAND | {"predictor": 2, "zstd_level": 1},
    "zstd 1, predictor 3": ZSTD | BAND | {"predictor": 3, "zstd_level": 1},
    "zstd 1, predictor 3, strips of 64 rows": ZSTD
    | BAND
    | {"predictor": 3, "zstd_level": 1, "blockysize": 64},
    "zstd 3, predictor 3": ZSTD | BAND | {"predictor": 3, "zstd_level": 3},
    "zstd 9, predictor 3": ZSTD | BAND | {"predictor": 3, "zstd_level": 9},
    "lerc + zstd, lossless": LERC | BAND | {"max_z_error": 0},
}


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chips", type=int, default=12)
    asked = parser.parse_args()
    chips = landscape_chips(asked.chips)
    print("| layout | write, ms | size, MB | read, ms |\n|---|---|---|---|")
    for name, options in LAYOUTS.items():
        files = [encode(chip, options) for chip in chips]
        for chip, file in zip(chips, files, strict=True):
            if not np.array_equal(decode(file), chip):
                raise SystemExit(f"{name} changes pixels")
        written = least_ms(lambda options=options: [encode(chip, options) for chip in chips])
        read = least_ms(lambda files=files: [decode(file) for file in files])
        size = sum(map(len, files)) / len(files) / 1e6
        print(f"| {name} | {written / len(chips):.0f} | {size:.2f} | {read / len(chips):.0f} |")


def landscape_chips(count: int) -> list[npt.NDArray[np.float32]]:
    """Chips of 13 bands, spread over a synthetic landscape."""
    side = int(np.ceil(np.sqrt(count)))
    with tempfile.TemporaryDirectory() as folder:
        location = str(generate(Path(folder, "imagery"), size_px=side * CHIP_PX, dates=1))
        (tile,) = list_tiles(location)
        store = Store(str(Path(folder, "data")), Path(folder, "cache"))
        plan_tile(store, find_imagery(location, tile), run_id="benchmark")
        recipe = read_recipe(store, tile)
        with open_date(recipe, recipe.days[0]) as reader:
            corners = [divmod(number, side) for number in range(count)]
            return [
                reader.read(CHIP_PX * row, CHIP_PX * col, CHIP_PX, CHIP_PX).pixels
                for row, col in corners
            ]


def encode(pixels: npt.NDArray[np.float32], options: dict[str, object]) -> bytes:
    """A GeoTIFF of float32 bands."""
    count, height, width = pixels.shape
    with MemoryFile() as file:
        with file.open(
            driver="GTiff", dtype="float32", count=count, height=height, width=width, **options
        ) as dataset:
            dataset.descriptions = BAND_NAMES
            dataset.write(pixels)
        return bytes(file.read())


def decode(data: bytes) -> npt.NDArray[np.float32]:
    """All pixels of a GeoTIFF."""
    with MemoryFile(data) as file, file.open() as dataset:
        pixels: npt.NDArray[np.float32] = dataset.read(out_dtype="float32")
        return pixels


def least_ms(work: Callable[[], object]) -> float:
    """CPU time of some work in milliseconds, the least of several rounds."""
    times = []
    for _ in range(ROUNDS):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return 1000 * min(times)


if __name__ == "__main__":
    main()
