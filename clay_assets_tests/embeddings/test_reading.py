import re
from dataclasses import dataclass, replace

import pytest

from clay_assets.chips import Chip, ChipRow, write_chip
from clay_assets.embeddings.reading import read_chips, read_listed_chip
from clay_assets.errors import ChipError, NotFoundError
from clay_assets_tests.embeddings.conftest import make_chip, put_chips


@dataclass(frozen=True)
class Wanted:
    row: ChipRow | None
    is_wanted: bool = True


def test_every_chip_comes_with_its_row(store):
    rows = put_chips(store, [make_chip(number, size=32) for number in range(1, 8)])
    found = list(read_chips(store, [Wanted(row) for row in rows], ahead=2))
    assert {wanted.row.chip_id for wanted, _ in found} == {row.chip_id for row in rows}
    assert all(chip.chip_id == wanted.row.chip_id for wanted, chip in found)


def test_what_is_not_wanted_is_not_read(store):
    (row,) = put_chips(store, [make_chip(1, size=32)])
    gone = replace(row, path="chips/gone.tif")
    found = read_chips(store, [Wanted(gone, is_wanted=False), Wanted(None)], ahead=2)
    assert [chip for _, chip in found] == [None, None]


def test_a_bad_chip_comes_as_its_error_and_the_others_come(store):
    rows = put_chips(store, [make_chip(number, size=32) for number in (1, 2, 3)])
    store.write_bytes(rows[1].path, b"")
    found = [chip for _, chip in read_chips(store, [Wanted(row) for row in rows], ahead=3)]
    assert sorted(type(chip) is Chip for chip in found) == [False, True, True]
    assert [str(chip) for chip in found if isinstance(chip, ChipError)] != []


def test_a_chip_that_has_changed_since_is_refused(store):
    (row,) = put_chips(store, [make_chip(1, size=32)])
    write_chip(store, row.path, make_chip(1, size=32, seed=1))
    message = rf"{row.path} is not the chip that the manifest of 32VKM lists.*{row.content_hash}"
    with pytest.raises(ChipError, match=message):
        read_listed_chip(store, row)


def test_a_truncated_chip_is_named(store):
    (row,) = put_chips(store, [make_chip(1, size=32)])
    store.write_bytes(row.path, store.read_bytes(row.path)[:900])
    with pytest.raises(ChipError, match=rf"{re.escape(row.path)} cannot be read: truncated"):
        read_listed_chip(store, row)


def test_a_missing_chip_is_named(store):
    (row,) = put_chips(store, [make_chip(1, size=32)])
    with pytest.raises(NotFoundError, match=r"gone\.tif does not exist"):
        read_listed_chip(store, replace(row, path="chips/gone.tif"))
