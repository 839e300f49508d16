"""The farmer's and nature's year of temperate Europe, by the day of a northern year."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from clay_assets.synthetic.noise import Floats
from clay_assets.synthetic.spectra import Material

M = Material
Share = Mapping[Material, float]

CROP_YEARS: tuple[tuple[float, Sequence[tuple[int, Share]]], ...] = (
    (
        0.34,  # winter cereal
        (
            (0, {M.DARK_SOIL: 0.55, M.CROP: 0.45}),
            (75, {M.DARK_SOIL: 0.45, M.CROP: 0.55}),
            (110, {M.CROP: 0.92, M.DARK_SOIL: 0.08}),
            (150, {M.CROP: 0.97, M.STRAW: 0.03}),
            (178, {M.CROP: 0.35, M.STRAW: 0.65}),
            (196, {M.STRAW: 1.0}),
            (215, {M.STRAW: 0.85, M.BRIGHT_SOIL: 0.15}),
            (240, {M.BRIGHT_SOIL: 0.6, M.STRAW: 0.3, M.CROP: 0.1}),
            (270, {M.DARK_SOIL: 0.95, M.STRAW: 0.05}),
            (300, {M.DARK_SOIL: 0.75, M.CROP: 0.25}),
        ),
    ),
    (
        0.14,  # oilseed rape
        (
            (0, {M.CROP: 0.5, M.DARK_SOIL: 0.5}),
            (95, {M.CROP: 0.9, M.DARK_SOIL: 0.1}),
            (112, {M.CROP: 0.6, M.RAPESEED: 0.4}),
            (122, {M.RAPESEED: 0.95, M.CROP: 0.05}),
            (136, {M.RAPESEED: 0.85, M.CROP: 0.15}),
            (148, {M.CROP: 1.0}),
            (178, {M.CROP: 0.5, M.STRAW: 0.5}),
            (200, {M.STRAW: 1.0}),
            (220, {M.BRIGHT_SOIL: 0.6, M.STRAW: 0.4}),
            (250, {M.DARK_SOIL: 0.6, M.CROP: 0.4}),
            (290, {M.CROP: 0.85, M.DARK_SOIL: 0.15}),
        ),
    ),
    (
        0.24,  # maize
        (
            (0, {M.DARK_SOIL: 0.75, M.STRAW: 0.25}),
            (105, {M.DARK_SOIL: 0.6, M.BRIGHT_SOIL: 0.4}),
            (135, {M.BRIGHT_SOIL: 0.95, M.CROP: 0.05}),
            (165, {M.BRIGHT_SOIL: 0.4, M.CROP: 0.6}),
            (190, {M.CROP: 1.0}),
            (245, {M.CROP: 0.95, M.STRAW: 0.05}),
            (268, {M.CROP: 0.45, M.STRAW: 0.55}),
            (285, {M.STRAW: 0.45, M.DARK_SOIL: 0.55}),
            (320, {M.DARK_SOIL: 0.75, M.STRAW: 0.25}),
        ),
    ),
    (
        0.10,  # sugar beet and potatoes
        (
            (0, {M.DARK_SOIL: 1.0}),
            (110, {M.BRIGHT_SOIL: 0.8, M.DARK_SOIL: 0.2}),
            (145, {M.BRIGHT_SOIL: 0.7, M.CROP: 0.3}),
            (175, {M.CROP: 0.95, M.DARK_SOIL: 0.05}),
            (265, {M.CROP: 0.95, M.DARK_SOIL: 0.05}),
            (290, {M.DARK_SOIL: 0.8, M.CROP: 0.2}),
        ),
    ),
    (
        0.18,  # clover and ley
        (
            (0, {M.DRY_GRASS: 0.5, M.MEADOW: 0.5}),
            (95, {M.MEADOW: 0.8, M.DRY_GRASS: 0.2}),
            (135, {M.MEADOW: 1.0}),
            (150, {M.MEADOW: 0.5, M.DRY_GRASS: 0.5}),
            (175, {M.MEADOW: 0.95, M.DRY_GRASS: 0.05}),
            (205, {M.MEADOW: 0.45, M.DRY_GRASS: 0.55}),
            (235, {M.MEADOW: 0.9, M.DRY_GRASS: 0.1}),
            (300, {M.MEADOW: 0.8, M.DRY_GRASS: 0.2}),
        ),
    ),
)
"""Share of arable land and calendar of each crop; days between are interpolated, round the year."""

MEADOW_YEAR: Sequence[tuple[int, Share]] = (
    (0, {M.MEADOW: 0.45, M.DRY_GRASS: 0.55}),
    (80, {M.MEADOW: 0.55, M.DRY_GRASS: 0.45}),
    (110, {M.MEADOW: 0.9, M.DRY_GRASS: 0.1}),
    (132, {M.MEADOW: 1.0}),
    (142, {M.MEADOW: 0.45, M.DRY_GRASS: 0.55}),
    (160, {M.MEADOW: 0.95, M.DRY_GRASS: 0.05}),
    (185, {M.MEADOW: 0.5, M.DRY_GRASS: 0.5}),
    (210, {M.MEADOW: 0.9, M.DRY_GRASS: 0.1}),
    (235, {M.MEADOW: 0.55, M.DRY_GRASS: 0.45}),
    (262, {M.MEADOW: 0.95, M.DRY_GRASS: 0.05}),
    (310, {M.MEADOW: 0.75, M.DRY_GRASS: 0.25}),
)
"""Mown meadow: dark green before each cut, pale after."""

_SNOW_LINE_M = (
    (0, 750), (55, 800), (95, 1500), (130, 1950), (165, 2500),
    (210, 3100), (255, 2950), (290, 2250), (320, 1450), (345, 900),
)  # fmt: skip
_JITTER_BINS = 16
_JITTER_DAYS = 22


def snow_line_m(day: float) -> float:
    """Height above which most ground is under snow.

    >>> round(snow_line_m(130))
    1950
    """
    days, heights = zip(*_SNOW_LINE_M, strict=True)
    return float(np.interp(day, days, heights, period=365))


def farmland_table(day: float) -> tuple[list[Material], NDArray[np.float32]]:
    """What farmland shows on a day.

    Returns:
        Materials, and their shares (crops + 1, jitter bins, materials) float32: crops as in
        `CROP_YEARS`, then meadow; farmers differ by up to three weeks, which the bins stand for.
    """
    years = [*(year for _, year in CROP_YEARS), MEADOW_YEAR]
    materials = sorted({m for year in years for _, share in year for m in share})
    shifts = (np.arange(_JITTER_BINS) / (_JITTER_BINS - 1) - 0.5) * _JITTER_DAYS
    table = np.zeros((len(years), _JITTER_BINS, len(materials)), np.float32)
    for crop, year in enumerate(years):
        days = [when for when, _ in year]
        for index, material in enumerate(materials):
            shares = [share.get(material, 0.0) for _, share in year]
            table[crop, :, index] = np.interp(day + shifts, days, shares, period=365)
    return materials, table


def leaves(day: Floats | np.float32, height_m: Floats) -> tuple[Floats, Floats]:
    """Share of broadleaf canopy in leaf, and the share of those leaves that has turned colour."""
    later = (height_m - np.float32(500)) / np.float32(35)  # spring climbs 35 m a day
    opened = np.clip((day - 103 - later) / 22, 0, 1)
    fallen = np.clip((day - 292 + later) / 25, 0, 1)
    turned = np.clip((day - 265 + later) / 30, 0, 1)
    return (opened * (1 - fallen)).astype(np.float32), turned.astype(np.float32)


def alpine_green(day: float, height_m: Floats) -> Floats:
    """Share of grass above the trees that is green."""
    later = (height_m - np.float32(1800)) / np.float32(30)
    rising = np.clip((np.float32(day - 135) - later) / 25, 0, 1)
    falling = np.clip((np.float32(275 - day) - later) / 35, 0, 1)
    return (rising * falling).astype(np.float32)
