"""Files appear whole or not at all, in a folder as in a bucket."""

import errno
import os
import shutil
import threading
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import rasterio

from clay_assets.errors import NotFoundError, StoreError
from clay_assets.remote import fetch, gdal_options
from clay_assets.store import Store, free_bytes

KEY = "chips/32VKM/a file.tif"


@pytest.fixture(params=["folder", "file URL", "bucket", "bucket with prefix"])
def any_store(request, tmp_path):
    """The same store on a disk and in a bucket."""
    if request.param.startswith("bucket"):
        bucket = request.getfixturevalue("s3_bucket")
        prefix = "/a/prefix/" if "prefix" in request.param else ""
        return Store(f"s3://{bucket}{prefix}", tmp_path / "cache")
    folder = tmp_path / "data folder"
    root = str(folder) if request.param == "folder" else folder.as_uri()
    return Store(root, tmp_path / "cache")


def leftovers(tmp_path):
    return [path for path in tmp_path.rglob("*.partial")]


def test_what_is_written_is_read(any_store):
    any_store.write_bytes(KEY, b"pixels")
    assert any_store.read_bytes(KEY) == b"pixels"
    assert any_store.exists(KEY)
    assert any_store.stat(KEY).size == 6
    any_store.write_bytes(KEY, b"")
    assert any_store.read_bytes(KEY) == b""


def test_a_file_knows_its_etag_and_time(any_store):
    any_store.write_bytes(KEY, b"one")
    first = any_store.stat(KEY)
    any_store.write_bytes(KEY, b"two")
    second = any_store.stat(KEY)
    assert first.etag
    assert second.etag != first.etag
    assert abs(second.modified - datetime.now(UTC)) < timedelta(minutes=5)


def test_files_are_listed_by_folder_in_order(any_store):
    for key in ("b/2.txt", "b/10.txt", "bb/1.txt", "a.txt"):
        any_store.write_bytes(key, b"x")
    assert [file.key for file in any_store.files()] == ["a.txt", "b/10.txt", "b/2.txt", "bb/1.txt"]
    assert [file.key for file in any_store.files("b")] == ["b/10.txt", "b/2.txt"]
    assert any_store.files("none") == []


def test_folders_are_listed_without_what_is_in_them(any_store):
    for key in ("chips/b/x/1", "chips/a/1", "chips/file", "other/c/1"):
        any_store.write_bytes(key, b"x")
    assert any_store.folders("chips") == ["a", "b"]
    assert any_store.folders() == ["chips", "other"]
    assert any_store.folders("none") == []


def test_a_missing_file_is_named(any_store):
    for read in (any_store.read_bytes, any_store.stat, any_store.open, any_store.local_path):
        with pytest.raises(NotFoundError, match=r"chips/none\.tif does not exist"):
            read("chips/none.tif")
    assert not any_store.exists("chips/none.tif")


def test_deleting_what_is_gone_is_no_error(any_store):
    any_store.write_bytes(KEY, b"x")
    any_store.delete([KEY, "none"])
    any_store.delete([KEY])
    assert any_store.files() == []


def test_a_file_is_read_by_ranges_as_pyarrow_does(any_store):
    table = pa.table({"number": list(range(1000)), "text": ["a"] * 1000})
    with any_store.writing("t.parquet") as path:
        pq.write_table(table, path, row_group_size=100)
    with any_store.open("t.parquet") as file:
        assert pq.ParquetFile(file).read_row_group(3)["number"][0].as_py() == 300
    with any_store.open("t.parquet") as file:
        assert pq.read_table(file).equals(table)
    with any_store.open("t.parquet") as file:
        file.seek(-4, os.SEEK_END)
        assert (file.read(), file.read()) == (b"PAR1", b"")


def test_a_file_appears_only_once_it_is_whole(any_store, tmp_path):
    with any_store.writing(KEY) as path:
        path.write_bytes(b"half")
        assert not any_store.exists(KEY)
        assert any_store.files() == []
    assert any_store.read_bytes(KEY) == b"half"
    assert leftovers(tmp_path) == []


def test_whoever_reads_the_old_file_reads_it_to_its_end(store):
    store.write_bytes(KEY, b"old" * 10_000)
    with open(store.url(KEY), "rb") as file:
        file.read(10)
        store.write_bytes(KEY, b"new")
        assert file.read() == (b"old" * 10_000)[10:]


def test_a_write_that_fails_leaves_the_old_file(any_store, tmp_path):
    any_store.write_bytes(KEY, b"old")

    def fail():
        with any_store.writing(KEY) as path:
            path.write_bytes(b"new, but half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert any_store.read_bytes(KEY) == b"old"
    assert leftovers(tmp_path) == []


def test_a_full_disk_is_named_with_the_next_step(any_store, tmp_path):
    """The kernel's own answer: every write to /dev/full finds the disk full."""
    any_store.write_bytes(KEY, b"old")

    def fill():
        with any_store.writing(KEY), open("/dev/full", "wb", buffering=0) as full:
            full.write(b"x")

    message = r"could not be written: the disk of .* is full; free some space or set CLAY_DATA_ROOT"
    with pytest.raises(StoreError, match=message) as caught:
        fill()
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.__cause__.errno == errno.ENOSPC
    assert any_store.read_bytes(KEY) == b"old"
    assert leftovers(tmp_path) == []


def test_a_local_path_follows_the_file(any_store):
    any_store.write_bytes(KEY, b"one")
    assert any_store.local_path(KEY).read_bytes() == b"one"
    again = any_store.local_path(KEY)
    any_store.write_bytes(KEY, b"two!")
    assert any_store.local_path(KEY).read_bytes() == b"two!"
    assert again.name == "a file.tif"


def test_a_copy_of_a_remote_file_is_kept(s3_bucket, tmp_path):
    store = Store(f"s3://{s3_bucket}", tmp_path)
    store.write_bytes(KEY, b"one")
    first = store.local_path(KEY)
    stat = first.stat()
    assert store.local_path(KEY) == first
    assert first.stat() == stat


def test_a_url_leads_to_the_file(tmp_path):
    assert Store("s3://bucket/prefix/", tmp_path).url("a/b.tif") == "s3://bucket/prefix/a/b.tif"
    assert Store(str(tmp_path), tmp_path).url("a/b.tif") == str(tmp_path / "a" / "b.tif")


def test_half_written_files_of_a_killed_run_are_not_listed(store):
    store.write_bytes("a.txt", b"x")
    (Path(store.root) / ".b.txt.0123.partial").write_bytes(b"half")
    assert [file.key for file in store.files()] == ["a.txt"]


class TestFetch:
    """Files of anywhere."""

    def test_a_path_is_itself(self, tmp_path):
        path = tmp_path / "a b.txt"
        path.write_text("x")
        assert fetch(str(path), tmp_path / "cache") == path
        assert fetch(path.as_uri(), tmp_path / "cache") == path
        assert not (tmp_path / "cache").exists()

    def test_a_missing_path_is_named(self, tmp_path):
        for place in (tmp_path / "none.ckpt", tmp_path):
            with pytest.raises(NotFoundError, match=f"{place} does not exist or is not a file"):
                fetch(str(place), tmp_path / "cache")

    def test_a_file_of_a_bucket_is_copied(self, s3_bucket, tmp_path):
        Store(f"s3://{s3_bucket}/models", tmp_path).write_bytes("a.ckpt", b"weights")
        path = fetch(f"s3://{s3_bucket}/models/a.ckpt", tmp_path / "cache")
        assert (path.name, path.read_bytes()) == ("a.ckpt", b"weights")
        with pytest.raises(NotFoundError, match=r"/models/b\.ckpt does not exist"):
            fetch(f"s3://{s3_bucket}/models/b.ckpt", tmp_path / "cache")

    def test_a_file_of_a_web_server_is_copied(self, tmp_path):
        folder = tmp_path / "www"
        folder.mkdir()
        (folder / "a.ckpt").write_bytes(b"weights" * 1000)
        handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            url = f"http://127.0.0.1:{server.server_port}"
            try:
                path = fetch(f"{url}/a.ckpt", tmp_path / "cache")
                assert path.read_bytes() == b"weights" * 1000
                with pytest.raises(NotFoundError, match=r"b\.ckpt does not exist"):
                    fetch(f"{url}/b.ckpt", tmp_path / "cache")
            finally:
                server.shutdown()
                thread.join()

    def test_a_server_that_is_down_is_named(self, tmp_path):
        with pytest.raises(StoreError, match=r"http://127\.0\.0\.1:9/a\.ckpt: "):
            fetch("http://127.0.0.1:9/a.ckpt", tmp_path / "cache")

    def test_a_scheme_of_nowhere_is_refused(self, tmp_path):
        with pytest.raises(StoreError, match=r"'gopher://host' is not a place to read from; use"):
            fetch("gopher://host/a.ckpt", tmp_path / "cache")


def test_a_bucket_that_does_not_exist_is_named(s3_environment, tmp_path):
    store = Store("s3://nobodys-bucket", tmp_path)
    with pytest.raises(StoreError, match="s3://nobodys-bucket/: the bucket does not exist"):
        store.files()
    with pytest.raises(StoreError, match=r"s3://nobodys-bucket/a: the bucket does not exist"):
        store.write_bytes("a", b"x")


def test_credentials_that_change_are_followed(s3_bucket, s3_environment, tmp_path, monkeypatch):
    store = Store(f"s3://{s3_bucket}", tmp_path)
    store.write_bytes("a", b"x")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(StoreError, match="s3://"):
        store.read_bytes("a")
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_environment["AWS_ENDPOINT_URL"])
    assert store.read_bytes("a") == b"x"


def test_gdal_reads_from_the_same_endpoint(s3_bucket, tmp_path, shared_imagery):
    store = Store(f"s3://{s3_bucket}", tmp_path)
    source = shared_imagery / "s2_29RKH_20200219" / "SCL.tif"
    store.write_bytes("SCL.tif", source.read_bytes())
    with rasterio.Env(**gdal_options()), rasterio.open(store.url("SCL.tif")) as dataset:
        assert dataset.shape == (549, 549)


def test_gdal_needs_no_endpoint_for_amazons_own(monkeypatch):
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    assert "AWS_S3_ENDPOINT" not in gdal_options()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://minio.example:9000")
    options = gdal_options()
    assert (options["AWS_S3_ENDPOINT"], options["AWS_HTTPS"]) == ("minio.example:9000", "YES")


def test_free_space_is_known_of_folders_yet_to_be_made(tmp_path):
    found = free_bytes(tmp_path / "not" / "yet")
    assert found == pytest.approx(shutil.disk_usage(tmp_path).free, rel=0.1)
