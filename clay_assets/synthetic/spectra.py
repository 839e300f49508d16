"""What each material looks like to Sentinel-2 and Sentinel-1.

Surface reflectance times 10,000 in the order B02 B03 B04 B05 B06 B07 B08 B8A B11 B12, typical of
Level-2A over temperate Europe; radar levels are gamma0 in dB as (vh, vv).
"""

from enum import StrEnum


class Material(StrEnum):
    """Pure surfaces that pixels are mixed of."""

    CONIFER = "conifer"
    BROADLEAF = "broadleaf"
    AUTUMN_LEAVES = "autumn_leaves"
    TWIGS = "twigs"
    SHRUB = "shrub"
    MEADOW = "meadow"
    ALPINE_GRASS = "alpine_grass"
    DRY_GRASS = "dry_grass"
    CROP = "crop"
    RAPESEED = "rapeseed"
    STRAW = "straw"
    DARK_SOIL = "dark_soil"
    BRIGHT_SOIL = "bright_soil"
    LIMESTONE = "limestone"
    DARK_ROCK = "dark_rock"
    GRAVEL = "gravel"
    DEEP_WATER = "deep_water"
    TURBID_WATER = "turbid_water"
    ASPHALT = "asphalt"
    CONCRETE = "concrete"
    ROOF_TILES = "roof_tiles"
    SNOW = "snow"


REFLECTANCE: dict[Material, tuple[int, ...]] = {
    Material.CONIFER: (190, 330, 215, 570, 1480, 1830, 1930, 2050, 930, 420),
    Material.BROADLEAF: (210, 490, 260, 870, 2850, 3600, 3750, 3950, 1700, 760),
    Material.AUTUMN_LEAVES: (320, 620, 760, 1330, 2250, 2620, 2780, 2980, 2250, 1150),
    Material.TWIGS: (380, 520, 640, 860, 1130, 1280, 1420, 1520, 1950, 1350),
    Material.SHRUB: (230, 400, 300, 680, 1550, 1900, 2050, 2150, 1300, 680),
    Material.MEADOW: (310, 760, 400, 1270, 3450, 4300, 4500, 4650, 2050, 980),
    Material.ALPINE_GRASS: (360, 690, 500, 1170, 2450, 2950, 3150, 3300, 2350, 1300),
    Material.DRY_GRASS: (520, 820, 980, 1420, 2050, 2350, 2550, 2750, 2950, 1950),
    Material.CROP: (260, 620, 300, 1010, 3350, 4400, 4650, 4750, 1700, 760),
    Material.RAPESEED: (420, 1330, 1230, 1880, 3250, 3850, 4050, 4250, 2050, 1050),
    Material.STRAW: (720, 1060, 1480, 1880, 2280, 2520, 2720, 2920, 3600, 2700),
    Material.DARK_SOIL: (520, 710, 910, 1060, 1220, 1360, 1500, 1640, 2200, 1900),
    Material.BRIGHT_SOIL: (830, 1110, 1420, 1650, 1840, 1990, 2140, 2280, 2950, 2600),
    Material.LIMESTONE: (1500, 1800, 2050, 2150, 2210, 2260, 2310, 2360, 2430, 2150),
    Material.DARK_ROCK: (780, 890, 980, 1040, 1100, 1150, 1200, 1250, 1470, 1370),
    Material.GRAVEL: (1450, 1730, 1920, 2040, 2110, 2170, 2230, 2280, 2450, 2200),
    Material.DEEP_WATER: (240, 215, 95, 75, 55, 48, 42, 36, 20, 15),
    Material.TURBID_WATER: (640, 890, 560, 450, 270, 250, 210, 190, 60, 40),
    Material.ASPHALT: (850, 940, 1010, 1060, 1100, 1130, 1180, 1220, 1380, 1300),
    Material.CONCRETE: (2150, 2450, 2650, 2750, 2800, 2850, 2900, 2950, 3050, 2780),
    Material.ROOF_TILES: (760, 960, 1480, 1730, 1830, 1930, 2080, 2180, 2600, 2300),
    Material.SNOW: (8900, 8950, 8900, 8850, 8700, 8550, 8300, 8050, 900, 700),
}
"""Bottom-of-atmosphere reflectance times 10,000."""

VEGETATION = frozenset(
    {
        Material.CONIFER,
        Material.BROADLEAF,
        Material.AUTUMN_LEAVES,
        Material.SHRUB,
        Material.MEADOW,
        Material.ALPINE_GRASS,
        Material.CROP,
        Material.RAPESEED,
    }
)
"""What a scene classification calls vegetation."""

CLOUD_REFLECTANCE: tuple[int, ...] = (
    8300, 8150, 8100, 8150, 8250, 8300, 8250, 8300, 5000, 3700,
)  # fmt: skip

GAMMA0_DB: dict[Material, tuple[float, float]] = {
    Material.CONIFER: (-15.0, -9.6),
    Material.BROADLEAF: (-14.3, -8.9),
    Material.AUTUMN_LEAVES: (-14.7, -9.0),
    Material.TWIGS: (-15.6, -9.0),
    Material.SHRUB: (-16.5, -10.6),
    Material.MEADOW: (-18.6, -11.8),
    Material.ALPINE_GRASS: (-19.0, -12.0),
    Material.DRY_GRASS: (-19.6, -12.6),
    Material.CROP: (-16.6, -11.6),
    Material.RAPESEED: (-14.2, -10.4),
    Material.STRAW: (-19.3, -12.2),
    Material.DARK_SOIL: (-20.8, -12.0),
    Material.BRIGHT_SOIL: (-21.5, -12.8),
    Material.LIMESTONE: (-18.0, -10.2),
    Material.DARK_ROCK: (-17.6, -9.8),
    Material.GRAVEL: (-20.5, -12.6),
    Material.DEEP_WATER: (-27.5, -20.5),
    Material.TURBID_WATER: (-26.0, -18.5),
    Material.ASPHALT: (-22.5, -14.5),
    Material.CONCRETE: (-10.5, -3.6),
    Material.ROOF_TILES: (-12.0, -5.4),
    Material.SNOW: (-21.0, -14.0),
}
"""Mean backscatter (vh, vv) in dB of radiometrically terrain-corrected gamma0."""
