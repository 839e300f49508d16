from datetime import date

import pytest

from clay_assets.errors import InvalidValueError
from clay_assets.ingest.dates import DateRange, parse_dates


def test_days_and_ranges_are_read_in_the_order_given():
    assert parse_dates(("2021-03-01/2021-05-31", "2020-02-19")) == (
        DateRange(date(2021, 3, 1), date(2021, 5, 31)),
        DateRange(date(2020, 2, 19), date(2020, 2, 19)),
    )


def test_both_ends_belong_to_a_range():
    (range_,) = parse_dates(("2021-03-01/2021-03-03",))
    assert date(2021, 3, 1) in range_
    assert date(2021, 3, 3) in range_
    assert date(2021, 3, 4) not in range_


@pytest.mark.parametrize("text", ["", "2021", "2021-02-30", "a/b", "2021-13-01"])
def test_what_is_no_date_is_refused(text):
    with pytest.raises(InvalidValueError, match=f"dates must be YYYY-MM-DD .* got '{text}'"):
        parse_dates((text,))


def test_a_range_that_ends_before_it_starts_is_refused():
    with pytest.raises(InvalidValueError, match="must not end before they start, got '2021-02"):
        parse_dates(("2021-02-01/2021-01-01",))
