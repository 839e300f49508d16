"""Names of chips, Clay's and ours."""

import re
from dataclasses import dataclass
from datetime import date as Date

CHIP_VERSION = "10"
"""Version in the names of chips cut by this package; Clay's own are 01 to 04."""

_PATTERN = re.compile(r"claytile_(\d{2}[A-Z]{3})_(\d{4})(\d{2})(\d{2})_v(\w+)_(\d{4,})")


@dataclass(frozen=True)
class ChipName:
    """What a chip's name says."""

    mgrs: str
    """MGRS tile id."""
    date: str
    """`YYYY-MM-DD`."""
    number: int
    """Position among the tile's possible chips, row by row, from 1."""
    version: str = CHIP_VERSION
    """Version of the rules it was cut by."""

    def __str__(self) -> str:
        """As files are called.

        >>> str(ChipName("27WXN", "2020-01-01", 1, "02"))
        'claytile_27WXN_20200101_v02_0001'
        """
        day = self.date.replace("-", "")
        return f"claytile_{self.mgrs}_{day}_v{self.version}_{self.number:04d}"


def parse_chip_name(stem: str) -> ChipName | None:
    """What the name of a file without its suffix says; None when it is not a chip's.

    >>> parse_chip_name("claytile_27WXN_20200101_v02_0441").number
    441
    """
    match = _PATTERN.fullmatch(stem)
    if not match:
        return None
    mgrs, year, month, day, version, number = match.groups()
    try:
        date = Date(int(year), int(month), int(day))
    except ValueError:
        return None
    return ChipName(mgrs, date.isoformat(), int(number), version)
