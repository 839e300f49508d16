import re
from dataclasses import replace

import pytest

from clay_assets.chips import write_chip
from clay_assets.embeddings.reading import read_chips
from clay_assets.errors import ChipError, NotFoundError
from clay_assets_tests.embeddings.conftest import make_chip, put_chips


def test_chips_come_with_their_rows_in_order(store):
    chips = [make_chip(number, size=32) for number in range(1, 8)]
    rows = put_chips(store, chips)
    found = list(read_chips(store, rows, ahead=2))
    assert [row for row, _ in found] == rows
    assert [chip.chip_id for _, chip in found] == [chip.chip_id for chip in chips]


def test_a_chip_that_has_changed_since_is_refused(store):
    (row,) = put_chips(store, [make_chip(1, size=32)])
    write_chip(store, row.path, make_chip(1, size=32, seed=1))
    message = rf"{row.path} is not the chip that the manifest of 32VKM lists.*{row.content_hash}"
    with pytest.raises(ChipError, match=message):
        list(read_chips(store, [row], ahead=1))


def test_a_truncated_chip_is_named(store):
    (row,) = put_chips(store, [make_chip(1, size=32)])
    store.write_bytes(row.path, store.read_bytes(row.path)[:900])
    with pytest.raises(ChipError, match=rf"{re.escape(row.path)} cannot be read: truncated"):
        list(read_chips(store, [row], ahead=1))


def test_a_missing_chip_is_named(store):
    (row,) = put_chips(store, [make_chip(1, size=32)])
    with pytest.raises(NotFoundError, match=r"gone\.tif does not exist"):
        list(read_chips(store, [replace(row, path="chips/gone.tif")], ahead=1))
