import json
import math
from dataclasses import replace

import pytest
import shapely

from clay_assets.errors import NotFoundError
from clay_assets.serve import catalogue as module
from clay_assets.serve.catalogue import Catalogue, known_share
from clay_assets.store import Store
from clay_assets_tests.search.embedding_files import made_chips, write_embeddings


@pytest.fixture
def at_once(monkeypatch):
    monkeypatch.setattr(module, "REFRESH_S", 0)


def test_chips_of_one_footprint_are_one_place(store: Store):
    chips = made_chips("32VKM", 9)  # three dates of three squares
    write_embeddings(store, "clay", "32VKM", chips)
    found = Catalogue(store).of("clay")
    assert [len(place.chips) for place in found.places] == [3, 3, 3]
    assert set(found.chips) == {chip.chip_id for chip in chips}
    assert found.dates == ["2021-03-01", "2021-05-30", "2021-08-28"]
    assert found.bounds_wgs84 == pytest.approx(
        shapely.total_bounds([chip.footprint for chip in chips])
    )
    for place in found.places:
        assert {found.chips[chip.chip_id].place for chip in place.chips} == {place.number}


def test_new_embeddings_appear_without_a_restart(store: Store, at_once):
    catalogue = Catalogue(store)
    assert catalogue.of("clay").places == ()
    write_embeddings(store, "clay", "32VKM", made_chips("32VKM", 3))
    first = catalogue.of("clay")
    write_embeddings(store, "clay", "29RKH", made_chips("29RKH", 6))
    second = catalogue.of("clay")
    assert list(first.tiles) == ["32VKM"]
    assert list(second.tiles) == ["29RKH", "32VKM"]
    assert first.version != second.version


def test_files_that_did_not_change_are_read_once(store: Store, at_once):
    write_embeddings(store, "clay", "32VKM", made_chips("32VKM", 3))
    catalogue = Catalogue(store)
    assert catalogue.of("clay") is catalogue.of("clay")


def test_an_unknown_share_of_cloud_is_null_whatever_way_it_is_written(store: Store):
    chips = made_chips("32VKM", 3)
    shares = (None, math.nan, 0.25)
    chips = [replace(chip, cloud_share=share) for chip, share in zip(chips, shares, strict=True)]
    write_embeddings(store, "clay", "32VKM", chips)
    collection = json.loads(Catalogue(store).of("clay").geojson)
    [feature] = collection["features"]
    assert [chip["cloud_share"] for chip in feature["properties"]["chips"]] == [None, None, 0.25]
    assert known_share(math.nan) is None


def test_coordinates_leave_with_six_digits(store: Store):
    write_embeddings(store, "clay", "32VKM", made_chips("32VKM", 1))
    collection = json.loads(Catalogue(store).of("clay").geojson)
    for lon, lat in collection["features"][0]["geometry"]["coordinates"][0]:
        assert (lon, lat) == (round(lon, 6), round(lat, 6))


def test_a_chip_that_is_not_there_is_named(store: Store):
    write_embeddings(store, "clay", "32VKM", made_chips("32VKM", 3))
    catalogue = Catalogue(store)
    with pytest.raises(NotFoundError, match="product clay has no chip 'x'; it has 3 others"):
        catalogue.of("clay").chip("x")
    with pytest.raises(NotFoundError, match="no product has a chip 'x'"):
        catalogue.holder("x", ["clay", "other"])


def test_places_are_found_by_box_and_show_their_clearest_date(store: Store):
    chips = [
        replace(chip, cloud_share=share)
        for chip, share in zip(
            made_chips("32VKM", 9), (0.1, 0, 0, None, 0.2, 0.3, 0, 0.5, 0.5), strict=True
        )
    ]
    write_embeddings(store, "clay", "32VKM", chips)
    found = Catalogue(store).of("clay")
    for place in found.places:
        assert found.places_in(place.footprint.centroid.bounds) == [place]
    assert found.places_in(found.bounds_wgs84) == list(found.places)
    assert found.places_in((0, 0, 1, 1)) == []
    clearest = [place.clearest.date for place in found.places]
    assert clearest == ["2021-08-28", "2021-05-30", "2021-03-01"]  # of equals the latest
    assert found.places[0].of_date("2021-05-30").chip_id == chips[1].chip_id
    assert found.places[0].of_date("2020-01-01") is None
    assert found.grid is None
