"""Building the index file, and reading it while it is built anew."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import boto3
import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from moto.server import ThreadedMotoServer

from clay_assets.embeddings.file import METADATA_KEY
from clay_assets.errors import NotFoundError, SearchError
from clay_assets.progress import Progress, listening
from clay_assets.search import DuckDBIndex, Query, build_duckdb
from clay_assets.search.duckdb_tables import INDEX_KEY
from clay_assets.store import Store
from clay_assets_tests.search.embedding_files import (
    MadeChip,
    answer_by_numpy,
    made_chips,
    made_patch_chips,
    patches_of,
    write_all,
    write_embeddings,
)

CHECKOUT = Path(__file__).parents[2]
READER = """
import sys
from pathlib import Path
from clay_assets.search import DuckDBIndex, Query
from clay_assets.store import Store
index = DuckDBIndex(Store(sys.argv[1], Path(sys.argv[2])))
for line in sys.stdin:
    print(len(index.search(Query("clay", chip_id=sys.argv[3], k=100)).frame), flush=True)
"""
LOOPER = """
import select, sys
from pathlib import Path
from clay_assets.search import DuckDBIndex, Query
from clay_assets.store import Store
index = DuckDBIndex(Store(sys.argv[1], Path(sys.argv[2])))
query, sizes = Query("clay", chip_id=sys.argv[3], k=100, include_query=True), set()
while not select.select([sys.stdin], [], [], 0)[0]:
    sizes.add(len(index.search(query).frame))
    if len(sizes) == 1:
        print(flush=True)
print(sorted(sizes), flush=True)
"""
BUILDER = """
import sys
from pathlib import Path
from clay_assets.progress import listening
from clay_assets.search import build_duckdb
from clay_assets.store import Store
def wait(progress):
    if progress.done == 1:
        print("half done", flush=True)
        sys.stdin.readline()
with listening(wait):
    build_duckdb(Store(sys.argv[1], Path(sys.argv[2])), run_id="killed")
"""


@pytest.fixture
def chips() -> list[MadeChip]:
    return [chip for tile in ("32VKM", "32VLM") for chip in made_chips(tile, 12, width=8)]


def start(code: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
    )


def found(index: DuckDBIndex, chip_id: str) -> set[str]:
    hits = index.search(Query("clay", chip_id=chip_id, k=100, include_query=True))
    return set(hits.frame["chip_id"])


def test_unchanged_embeddings_build_nothing(store: Store, chips: list[MadeChip]) -> None:
    write_all(store, "clay", chips)
    first = build_duckdb(store, run_id="one")
    etag = store.stat(INDEX_KEY).etag
    again = build_duckdb(store, run_id="two")
    assert (first.skipped, again.skipped) == (False, True)
    assert again.data_version == first.data_version
    assert store.stat(INDEX_KEY).etag == etag
    assert (again.rows, again.tiles, again.size_bytes) == ({"clay": 24}, 2, first.size_bytes)


def test_only_changed_tiles_are_read(store: Store, chips: list[MadeChip]) -> None:
    write_all(store, "clay", chips)
    build_duckdb(store, run_id="one")
    changed = [replace(chip, embedding=-chip.embedding) for chip in chips[12:]]
    write_embeddings(store, "clay", "32VLM", changed, version="2")
    write_all(store, "clay", made_chips("33VUG", 6, width=8))
    seen: list[Progress] = []
    with listening(seen.append):
        report = build_duckdb(store, run_id="two")
    assert (report.tiles, report.tiles_copied, report.skipped) == (3, 1, False)
    assert seen[-1] == Progress("Indexing clay", 2, 2)
    with DuckDBIndex(store) as index:
        assert len(found(index, chips[0].chip_id)) == 30
        opposite = Query("clay", vector=chips[12].embedding, k=1, max_cloud_share=1, mgrs="32VLM")
        assert index.search(opposite).frame["score"].max() < 0.9


def test_removed_tiles_leave_the_index(store: Store, chips: list[MadeChip]) -> None:
    write_all(store, "clay", chips)
    build_duckdb(store, run_id="one")
    store.delete([file.key for file in store.files("embeddings") if "32VLM" in file.key])
    report = build_duckdb(store, run_id="two")
    assert (report.rows, report.tiles_copied) == ({"clay": 12}, 1)
    with DuckDBIndex(store) as index:
        assert found(index, chips[0].chip_id) == {chip.chip_id for chip in chips[:12]}


def test_products_of_different_width_live_side_by_side(store: Store, chips: list[MadeChip]) -> None:
    write_all(store, "clay", chips)
    write_all(store, "wide", made_chips("32VKM", 5, width=100), checkpoint_id="cd34")
    build_duckdb(store, run_id="one")
    with DuckDBIndex(store) as index:
        described = [(p.product, p.checkpoint_id, p.width, p.rows) for p in index.products()]
        assert described == [("clay", "ab12", 8, 24), ("wide", "cd34", 100, 5)]
        assert len(index.search(Query("wide", vector=np.ones(100))).frame) == 5


def test_no_embeddings_is_a_clear_error(store: Store) -> None:
    with pytest.raises(NotFoundError, match=r"no embeddings to index below .*materialise"):
        build_duckdb(store, run_id="one")
    with pytest.raises(NotFoundError, match=r"index\.duckdb does not exist\); materialise"):
        DuckDBIndex(store).search(Query("clay", chip_id="x"))


def test_what_cannot_be_compared_is_left_out(store: Store, chips: list[MadeChip]) -> None:
    write_embeddings(store, "clay", "32VKM", chips[:12], checkpoint_id="old1")
    write_embeddings(store, "groups", "32VKM", chips[:12], level="group")
    write_embeddings(store, "clay", "32VLM", chips[12:], checkpoint_id="new2")
    foreign = "embeddings/clay/33VUG_20210301_20210828_v001.gpq"
    store.write_bytes(foreign, store.read_bytes("embeddings/clay/32VLM_20210301_20210828_v001.gpq"))
    strip_metadata(store, foreign)
    report = build_duckdb(store, run_id="one")
    assert report.rows == {"clay": 12}
    old, strange, groups = report.left_out
    assert "32VKM" in old
    assert "checkpoint old1" in old
    assert "newest of clay by new2" in old
    assert strange.startswith(f"{foreign}: was not written by this package")
    assert "level group; only one vector a chip, or level patch, is searched" in groups


def test_a_file_of_another_version_is_left_out(store: Store, chips: list[MadeChip]) -> None:
    write_all(store, "clay", chips)
    key = "embeddings/clay/33VUG_20210301_20210828_v001.gpq"
    theirs = pa.table({"a": [1]}).replace_schema_metadata({METADATA_KEY: '{"flavour": "new"}'})
    with store.writing(key) as path:
        pq.write_table(theirs, path)
    report = build_duckdb(store, run_id="one")
    assert report.rows == {"clay": 24}
    (reason,) = report.left_out
    assert reason.startswith(f"{key}: its metadata 'clay_assets' are of another version")


def test_any_one_vector_a_chip_is_indexed(store: Store, chips: list[MadeChip]) -> None:
    for level in ("mean", "cls", "chip"):
        write_all(store, level, chips, level=level)
    assert build_duckdb(store, run_id="one").rows == {"chip": 24, "cls": 24, "mean": 24}


def strip_metadata(store: Store, key: str) -> None:
    with store.open(key) as file:
        table = pq.read_table(file)
    with store.writing(key) as path:
        pq.write_table(table.replace_schema_metadata(None), path)


@pytest.mark.parametrize("bad", [float("nan"), 0.0])
def test_damaged_embedding_is_named_and_the_old_index_stays(
    store: Store, chips: list[MadeChip], bad: float
) -> None:
    write_all(store, "clay", chips)
    build_duckdb(store, run_id="one")
    kept = [file.key for file in store.files("indexes")]
    damaged = [*chips[12:14], replace(chips[14], embedding=np.full(8, bad)), *chips[15:]]
    write_embeddings(store, "clay", "32VLM", damaged, version="2")
    with pytest.raises(SearchError, match=f"chip {chips[14].chip_id} is all zeros or not finite"):
        build_duckdb(store, run_id="two")
    with DuckDBIndex(store) as index:
        assert len(found(index, chips[0].chip_id)) == 24
    assert [file.key for file in store.files("indexes")] == kept


def test_one_chip_id_in_two_tiles_is_refused(store: Store, chips: list[MadeChip]) -> None:
    twice = replace(chips[12], chip_id=chips[0].chip_id)
    write_all(store, "clay", [*chips, twice])
    with pytest.raises(
        SearchError, match=f"{chips[0].chip_id} is more than once in .* 32VKM, 32VLM; .*unique"
    ):
        build_duckdb(store, run_id="one")


def test_damaged_index_is_said_and_built_anew(store: Store, chips: list[MadeChip]) -> None:
    write_all(store, "clay", chips)
    store.write_bytes(INDEX_KEY, b"not a database at all" * 1000)
    with pytest.raises(SearchError, match=r"not an index that can be read: .*; delete it"):
        DuckDBIndex(store).search(Query("clay", chip_id="x"))
    assert not build_duckdb(store, run_id="one").skipped
    with DuckDBIndex(store) as index:
        assert len(found(index, chips[0].chip_id)) == 24


def test_index_of_other_code_is_not_copied_from(store: Store, chips: list[MadeChip]) -> None:
    write_all(store, "clay", chips)
    build_duckdb(store, run_id="one")
    with duckdb.connect(str(store.local_path(INDEX_KEY))) as connection:
        connection.execute("UPDATE build SET code_version = 0")
    report = build_duckdb(store, run_id="two")
    assert (report.skipped, report.tiles_copied) == (False, 0)


def test_readers_follow_a_new_file(store: Store, chips: list[MadeChip]) -> None:
    """One in this process, one in another, both open before and after."""
    write_all(store, "clay", chips[:12])
    build_duckdb(store, run_id="one")
    other = start(READER, store.root, str(store.cache), chips[0].chip_id)
    assert other.stdin
    assert other.stdout
    with DuckDBIndex(store) as index:
        for count, more in ((12, chips[12:]), (24, [])):
            assert len(found(index, chips[0].chip_id)) == count
            other.stdin.write("\n")
            other.stdin.flush()
            assert other.stdout.readline() == f"{count - 1}\n"
            write_all(store, "clay", more)
            build_duckdb(store, run_id="two")
    other.communicate(timeout=20)


def test_readers_never_meet_a_half_built_index(store: Store, chips: list[MadeChip]) -> None:
    """Two processes that ask all the time, and one here, while it is built again and again."""
    write_all(store, "clay", chips)
    build_duckdb(store, run_id="one")
    readers = [start(LOOPER, store.root, str(store.cache), chips[0].chip_id) for _ in range(2)]
    for reader in readers:
        assert reader.stdout
        reader.stdout.readline()
    with DuckDBIndex(store) as index:
        for turn in range(6):
            write_embeddings(store, "clay", "32VLM", chips[12 : 24 - turn % 2], version=str(turn))
            build_duckdb(store, run_id="again")
            assert len(found(index, chips[0].chip_id)) == 24 - turn % 2
    for reader in readers:
        told, _ = reader.communicate("\n", timeout=60)
        assert reader.returncode == 0
        assert told.split("\n")[-2] in ("[24]", "[23, 24]")


def test_an_index_of_another_version_is_said(store: Store, chips: list[MadeChip]) -> None:
    write_all(store, "clay", chips)
    build_duckdb(store, run_id="one")
    with duckdb.connect(str(store.local_path(INDEX_KEY))) as connection:
        connection.execute("UPDATE build SET code_version = 1")
    with pytest.raises(SearchError, match=r"another version of this package \(code version 1, nee"):
        DuckDBIndex(store).search(Query("clay", chip_id="x"))


def test_rows_that_are_gone_are_said_and_made_anew(store: Store, chips: list[MadeChip]) -> None:
    write_all(store, "clay", chips)
    build_duckdb(store, run_id="one")
    gone = store.files("indexes/rows")[0].key
    store.delete([gone])
    with pytest.raises(NotFoundError, match=f"no whole index yet .*{gone} does not exist"):
        DuckDBIndex(store).search(Query("clay", chip_id="x"))
    report = build_duckdb(store, run_id="two")
    assert (report.skipped, report.tiles_copied) == (False, 0)
    with DuckDBIndex(store) as index:
        assert len(found(index, chips[0].chip_id)) == 24


def test_copied_rows_keep_their_vectors(store: Store, chips: list[MadeChip]) -> None:
    """A tile that sorts before the unchanged ones moves all of their places."""
    write_all(store, "clay", chips)
    build_duckdb(store, run_id="one")
    more = made_chips("31UDQ", 5, width=8)
    write_all(store, "clay", more)
    assert build_duckdb(store, run_id="two").tiles_copied == 2
    with DuckDBIndex(store) as index:
        for chip in (*chips[::5], *more):
            query = Query("clay", vector=chip.embedding, k=1)
            hit = index.search(query).frame.iloc[0]
            assert (hit["id"], hit["score"]) == (chip.chip_id, pytest.approx(1))


def test_patches_are_searched_like_chips(store: Store) -> None:
    chips = made_patch_chips("32VKM", 7, width=16)
    write_all(store, "fine", chips, level="patch")
    assert build_duckdb(store, run_id="one").rows == {"fine": 7 * 16}
    patches = patches_of(chips)
    with DuckDBIndex(store) as index:
        assert index.products()[0].grid == (4, 4)
        with pytest.raises(NotFoundError, match="no patch of product 'fine' covers lon 100"):
            index.search(Query("fine", lonlat=(100.0, 10.0)))
        for query in (
            Query("fine", 20, patches[40].chip_id),
            Query("fine", 20, vector=patches[3].embedding, max_cloud_share=0.2),
        ):
            frame = index.search(query).frame
            wanted = answer_by_numpy(patches, query)
            assert frame["id"].tolist() == [chip_id for chip_id, _ in wanted]
            assert frame["score"].tolist() == pytest.approx([s for _, s in wanted], abs=1e-6)
            parts = zip(frame["chip_id"], frame["patch_row"], frame["patch_col"], strict=True)
            assert frame["id"].tolist() == [f"{c}/{row}/{col}" for c, row, col in parts]


def test_what_sketches_have_to_propose_is_measured_and_kept(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clay_assets.search.centre.SKETCH_MIN_ROWS", 100)
    monkeypatch.setattr("clay_assets.search.sketch_recall.LEAST_RERANK", 30)
    for tile in ("32VKM", "32VLM", "32VMM", "32VNM"):
        write_all(store, "clay", made_chips(tile, 90, width=256))
    first = build_duckdb(store, run_id="one")
    with DuckDBIndex(store) as index:
        (product,) = index.products()
    ten, _, hundred, _ = (one for one in product.reranks if not one.is_hard)
    assert (ten.k, hundred.k) == (10, 100)
    assert 30 <= ten.rows < hundred.rows < 540  # 1.5 times all rows
    assert 0.99 <= ten.recall <= 1
    assert {"sketch": first.recall["clay"]} == product.recall
    assert build_duckdb(store, run_id="two").recall == first.recall


def test_killed_build_leaves_the_old_index(store: Store, chips: list[MadeChip]) -> None:
    write_all(store, "clay", chips[:12])
    build_duckdb(store, run_id="one")
    write_all(store, "clay", [*chips, *made_chips("33VUG", 6, width=8)])
    builder = start(BUILDER, store.root, str(store.cache))
    assert builder.stdout
    assert builder.stdout.readline() == "half done\n"
    builder.kill()
    builder.wait()
    with DuckDBIndex(store) as index:
        assert len(found(index, chips[0].chip_id)) == 12
        folder = Path(store.root) / "indexes"
        abandoned = [*folder.glob(".*.partial"), *folder.glob("rows/.*.partial")]
        assert len(abandoned) == 3
        old = time.time() - 2 * 3600
        for leftover in abandoned:
            os.utime(leftover, (old, old))
        build_duckdb(store, run_id="two")
        assert len(found(index, chips[0].chip_id)) == 30
        assert sorted(file.name for file in folder.iterdir()) == ["index.duckdb", "rows"]
        assert len(list((folder / "rows").iterdir())) == 4


def test_second_builder_waits_and_finds_the_work_done(store: Store, chips: list[MadeChip]) -> None:
    write_all(store, "clay", chips)
    builder = start(BUILDER, store.root, str(store.cache))
    assert builder.stdout
    builder.stdout.readline()
    reports = []
    waiting = threading.Thread(target=lambda: reports.append(build_duckdb(store, run_id="two")))
    waiting.start()
    time.sleep(0.3)
    assert waiting.is_alive()
    builder.communicate("\n", timeout=20)
    waiting.join(timeout=20)
    assert [report.skipped for report in reports] == [True]


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="clay")
    yield "s3://clay/assets"
    server.stop()


def test_index_lives_on_s3(bucket: str, tmp_path: Path, chips: list[MadeChip]) -> None:
    store = Store(bucket, tmp_path / "cache")
    write_all(store, "clay", chips[:12])
    build_duckdb(store, run_id="one")
    with DuckDBIndex(store) as index:
        assert len(found(index, chips[0].chip_id)) == 12
        write_all(store, "clay", chips[12:])
        report = build_duckdb(store, run_id="two")
        assert (report.tiles, report.tiles_copied) == (2, 1)
        assert len(found(index, chips[0].chip_id)) == 24
