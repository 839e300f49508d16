"""Which days are wanted."""

from dataclasses import dataclass
from datetime import date as Date

from clay_assets.errors import InvalidValueError


@dataclass(frozen=True)
class DateRange:
    """Days from the first to the last, both included."""

    first: Date
    """First day."""
    last: Date
    """Last day."""

    def __str__(self) -> str:
        """As a STAC API takes it."""
        return f"{self.first}/{self.last}"

    def __contains__(self, day: Date) -> bool:
        """Whether a day is within."""
        return self.first <= day <= self.last


def parse_dates(dates: tuple[str, ...]) -> tuple[DateRange, ...]:
    """Ranges of `YYYY-MM-DD` days and `YYYY-MM-DD/YYYY-MM-DD` ranges, in the order given.

    >>> [str(range_) for range_ in parse_dates(("2020-02-19", "2021-01-01/2021-12-31"))]
    ['2020-02-19/2020-02-19', '2021-01-01/2021-12-31']

    Raises:
        InvalidValueError: not a day or range.
    """
    return tuple(_parse(text) for text in dates)


def _parse(text: str) -> DateRange:
    first, _, last = text.partition("/")
    try:
        range_ = DateRange(Date.fromisoformat(first), Date.fromisoformat(last or first))
    except ValueError as error:
        raise InvalidValueError(
            f"dates must be YYYY-MM-DD or YYYY-MM-DD/YYYY-MM-DD, got {text!r}"
        ) from error
    if range_.last < range_.first:
        raise InvalidValueError(f"dates must not end before they start, got {text!r}")
    return range_
