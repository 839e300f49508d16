"""Whether the chips of a tile are what the manifest says they are."""

from dataclasses import dataclass

import numpy as np

from clay_assets.chips.file import read_chip
from clay_assets.chips.manifest import read_manifest
from clay_assets.errors import ClayAssetsError
from clay_assets.store import Store

SAMPLE = 12
"""Chips that are read whole; every chip's presence is checked."""


@dataclass(frozen=True)
class ChipsCheck:
    """What was found."""

    chips: int
    """Chips of the manifest."""
    read: int
    """Chips that were read whole."""
    faults: tuple[str, ...]
    """What is wrong, one line each; empty when all is well."""


def check_chips(store: Store, tile: str, *, seed: int = 0) -> ChipsCheck:
    """Compare a tile's chip files with its manifest: presence, bands, place, no data.

    Raises:
        NotFoundError: the tile has no chips yet.
    """
    rows = read_manifest(store, tile).rows
    stored = {file.key for file in store.files(f"chips/{tile}")}
    ours = [path for path in rows["path"] if path.startswith(f"chips/{tile}/")]
    faults = [f"{path} is missing" for path in ours if path not in stored]
    random = np.random.default_rng(seed)
    chosen = random.choice(len(rows), size=min(SAMPLE, len(rows)), replace=False)
    for row in rows.iloc[np.sort(chosen)].itertuples():
        try:
            chip = read_chip(store, row.path)
        except ClayAssetsError as error:
            faults.append(str(error))
            continue
        bounds = (row.west, row.south, row.east, row.north)
        if chip.bands != tuple(row.bands):
            faults.append(f"{row.path} has bands {', '.join(chip.bands)}")
        if chip.epsg != row.epsg or not np.allclose(chip.bounds, bounds, rtol=0, atol=0.01):
            faults.append(f"{row.path} lies at {chip.bounds} in EPSG:{chip.epsg}")
        if not chip.pixels.any(axis=(1, 2)).all():
            faults.append(f"{row.path} has a band of nothing but zeros")
    return ChipsCheck(len(rows), len(chosen), tuple(faults))
