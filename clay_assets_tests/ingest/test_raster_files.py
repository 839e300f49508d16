"""Opening files over HTTP and S3, and what is said when that fails."""

import json
from datetime import UTC, datetime, timedelta

import boto3
import numpy as np
import pystac
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clay_assets.errors import ImageryError
from clay_assets.ingest import (
    find_imagery,
    plan_tile,
    raster_files,
    read_recipe,
    read_window,
    signing,
)
from clay_assets.ingest.raster_files import BandSource, open_raster, read_header
from clay_assets_tests.ingest.file_server import serving_files
from clay_assets_tests.ingest.making import (
    SIDE,
    count_up,
    optical,
    radar,
    save_catalogue,
    write_raster,
)

BLOB = "http://account.blob.core.windows.net/container/a.tif"


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A server of `a.tif`; nobody waits before asking again."""
    monkeypatch.setenv("GDAL_HTTP_RETRY_DELAY", "0.01")
    monkeypatch.setattr(raster_files, "_PAUSE_S", 0)
    write_raster(tmp_path / "a.tif", count_up((64, 64)))
    with serving_files(tmp_path) as server:
        yield server


@pytest.fixture
def blob(files, monkeypatch):
    """The server as Azure's storage, and as the one that gives out tokens for it."""
    monkeypatch.setenv("GDAL_HTTP_PROXY", files.url)
    monkeypatch.setenv("PC_SDK_SAS_URL", f"{files.url}/tokens")
    monkeypatch.setattr(signing, "_tokens", {})
    (files.folder / "container").mkdir()
    (files.folder / "a.tif").rename(files.folder / "container" / "a.tif")
    (files.folder / "tokens" / "account").mkdir(parents=True)
    give_out(files, "sig=fresh")
    return files


def give_out(files, token):
    expiry = datetime.now(UTC) + timedelta(hours=1)
    content = {"token": token, "msft:expiry": expiry.isoformat()}
    (files.folder / "tokens" / "account" / "container").write_text(json.dumps(content))


def pixel_sum(href):
    with open_raster(href) as dataset:
        return int(dataset.read().sum())


EXPECTED_SUM = 64 * 64 * (64 * 64 + 1) // 2


def test_a_file_is_read_over_http(files):
    assert pixel_sum(f"{files.url}/a.tif") == EXPECTED_SUM


def test_a_file_of_the_planetary_computer_is_read_with_a_token(blob):
    assert pixel_sum(BLOB) == EXPECTED_SUM
    assert all("sig=fresh" in line for line in blob.asked if "a.tif" in line)


def test_a_token_that_is_refused_is_replaced_once(blob):
    give_out(blob, "sig=old")
    assert signing.signed(BLOB).endswith("?sig=old")
    give_out(blob, "sig=fresh")
    blob.refuse = "sig=old"
    assert pixel_sum(BLOB) == EXPECTED_SUM


def test_the_old_token_of_a_saved_item_is_replaced(blob):
    blob.refuse = "sig=old"
    assert pixel_sum(f"{BLOB}?se=2024-01-01&sig=old") == EXPECTED_SUM


def test_a_second_refusal_is_told_without_the_token(blob):
    blob.refuse = "sig="
    message = r"a\.tif cannot be read because the server answered 403; it may not be read, or its"
    with pytest.raises(ImageryError, match=message) as caught:
        read_header(f"{BLOB}?sig=old")
    assert "sig" not in str(caught.value)
    assert sum("GET /tokens" in line for line in blob.asked) == 1


def test_an_answer_cut_short_is_fetched_again(files):
    files.cut = 2
    assert read_header(f"{files.url}/a.tif").grid.width == 64


def test_a_file_that_is_always_cut_short_is_named(files):
    files.cut = 100
    with pytest.raises(ImageryError, match=r"/a\.tif cannot be read as a raster: .*truncated"):
        read_header(f"{files.url}/a.tif")


def test_a_reset_connection_is_tried_again(files):
    files.reset = 2
    assert read_header(f"{files.url}/a.tif").grid.width == 64


def test_a_connection_that_is_always_reset_is_named(files):
    files.reset = 100
    message = r"/a\.tif cannot be read because of a CURL error: .*; run again later$"
    with pytest.raises(ImageryError, match=message):
        read_header(f"{files.url}/a.tif")


def test_a_server_that_is_busy_is_asked_again(files):
    files.statuses = [503, 429]
    assert read_header(f"{files.url}/a.tif").grid.width == 64


@pytest.mark.parametrize(
    ("status", "advice"),
    [(503, "run again later"), (404, "it is gone: fetch the item anew, or remove")],
)
def test_a_server_that_refuses_is_named(files, status, advice):
    files.statuses = [status] * 100
    with pytest.raises(
        ImageryError,
        match=rf"/a\.tif cannot be read because the server answered {status}; {advice}",
    ):
        read_header(f"{files.url}/a.tif")


def test_a_server_that_has_come_back_is_asked_in_the_same_process(files):
    files.statuses = [404] * 100
    with pytest.raises(ImageryError):
        read_header(f"{files.url}/a.tif")
    files.statuses = []
    assert read_header(f"{files.url}/a.tif").grid.width == 64


def test_an_overwritten_object_is_read_anew_in_the_same_process(s3_bucket, tmp_path):
    for first in (1, 1000):
        path = write_raster(tmp_path / "a.tif", count_up((16, 16), first))
        boto3.client("s3").upload_file(str(path), s3_bucket, "a.tif")
        with open_raster(f"s3://{s3_bucket}/a.tif") as dataset:
            assert dataset.read()[0, 0, 0] == first


@given(
    pixels=st.lists(st.integers(0, 65_535), min_size=1),
    shift=st.sampled_from([0, 1000, -1000]),
    factor=st.sampled_from([1.0, 0.275, 10_000.0]),
)
def test_nothing_stays_nothing_and_data_stays_data(pixels, shift, factor):
    source = BandSource("a.tif", "", 1, 0, shift, factor)
    before = np.array(pixels, "uint16")
    after = source.converted(before, "uint16")
    assert ((after == 0) == (before == 0)).all()
    inside = (before * factor + shift > 1) & (before * factor + shift < 65_535) & (before > 0)
    assert np.allclose(after[inside], (before * factor + shift)[inside], atol=0.5)


def test_decibels_become_linear_power():
    """A pair of pixels of a real Sentinel-1 scene: -10 dB is 0.1, -23.01 dB is 0.005."""
    source = BandSource("vv.tif", "", 1, -32768, decibels=True)
    found = source.converted(np.array([-10, -23.0103, np.nan, 0], "float32"), "float32")
    assert found.dtype == np.float32
    assert found == pytest.approx([0.1, 0.005, np.nan, 1], nan_ok=True)


def test_reflectance_in_fractions_is_read_as_digital_numbers(tmp_path, store):
    """Files of a provider that stores reflectance itself, NaN where there is nothing."""
    item = optical(tmp_path, "2021-05-10", **{"s2:processing_baseline": "05.10"})
    reflectance = np.linspace(0.01, 0.9, SIDE * SIDE, dtype="float32").reshape(SIDE, SIDE)
    reflectance[0, :5] = np.nan
    path = write_raster(tmp_path / "b02.tif", reflectance, nodata=float("nan"))
    said = {"raster:bands": [{"nodata": "nan", "scale": 1, "offset": 0}]}
    item.assets["B02"] = pystac.Asset(str(path), extra_fields=said)
    imagery = find_imagery(str(save_catalogue(tmp_path, [item])), "32VKM")
    plan_tile(store, imagery, run_id="r")
    window = read_window(read_recipe(store, "32VKM"), "2021-05-10", 0, 0, SIDE, SIDE)
    assert (window.pixels[0, 0, :5] == 0).all()
    expected = reflectance * 10_000 + 1000  # ESA's offset from baseline 04.00 on
    assert np.nanmax(abs(window.pixels[0] - expected)) <= 0.5  # DN


def test_radar_in_decibels_is_read_as_power(tmp_path, store):
    items = [optical(tmp_path, "2021-05-10"), radar(tmp_path, value=-1.0)]  # vh -1 dB, vv -10 dB
    for band in ("vh", "vv"):
        items[1].assets[band].extra_fields["bands"] = [{"unit": "dB"}]
    plan_tile(store, find_imagery(str(save_catalogue(tmp_path, items)), "32VKM"), run_id="r")
    window = read_window(read_recipe(store, "32VKM"), "2021-05-10", 0, 0, 4, 4)
    assert window.pixels[-2:].reshape(2, -1)[:, 0] == pytest.approx([10**-0.1, 0.1])
