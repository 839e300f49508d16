"""From generated imagery to answers and back, through all the rooms."""

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import torch

from clay_assets.checkpoints import put_checkpoint
from clay_assets.chips import cut_tile, read_manifest, write_manifest
from clay_assets.chips.manifest import manifest_rows
from clay_assets.embeddings import embed_tile, load_products
from clay_assets.embeddings.listing import find_file
from clay_assets.errors import NotFoundError, SearchError
from clay_assets.ingest import find_imagery, list_tiles, plan_tile
from clay_assets.models import ClayV0, ClayV0Config, TransformerSize, make_checkpoint
from clay_assets.search import (
    Query,
    build_duckdb,
    measure_recall,
    neighbour_examples,
    open_index,
    postgres_server,
    search,
    sync_tile,
    trace,
)
from clay_assets.settings import Settings
from clay_assets.synthetic import generate

TINY = TransformerSize(dim=32, depth=1, heads=2, dim_head=16, mlp_ratio=2)
CHECKOUT = Path(__file__).parents[2]
LEAVES_IT_OPEN = """
import sys
from clay_assets.search import Query, open_index
from clay_assets.settings import Settings
index = open_index(Settings.from_environment({"CLAY_HOME": sys.argv[1]}), "pgvector")
print(len(index.search(Query("clay", chip_id=sys.argv[2])).frame))
"""


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """An installation with one small tile, embedded and in both indexes."""
    home = tmp_path_factory.mktemp("home")
    settings = Settings.from_environment({"CLAY_HOME": str(home)})
    catalogue = str(generate(home / "synthetic", size_px=256, dates=2, cloud_cover_pct=5))
    store, (tile,) = settings.store, list_tiles(catalogue)
    plan_tile(store, find_imagery(catalogue, tile), run_id="run-of-tiles")
    cut_tile(store, tile, chip_size=64, run_id="run-of-chips")
    torch.manual_seed(0)
    config = ClayV0Config(encoder=TINY, decoder=TINY, image_size=64)
    checkpoint = make_checkpoint(config, ClayV0(config).state_dict(), {"source": "random weights"})
    put_checkpoint(store, checkpoint, "default", inputs="none", run_id="run-of-checkpoint")
    embed_tile(store, load_products()["clay"], tile, device="cpu", run_id="run-of-embeddings")
    build_duckdb(store, run_id="run-of-index")
    with postgres_server(None, settings.postgres_folder) as url:
        sync_tile(url, store, "clay", tile, run_id="run-of-index")
    return settings


@pytest.fixture(scope="module")
def tile(settings: Settings) -> str:
    (folder,) = (Path(settings.data_root) / "chips").iterdir()
    return folder.name


@pytest.fixture(scope="module")
def chip_id(settings: Settings, tile: str) -> str:
    return str(read_manifest(settings.store, tile).rows["chip_id"].iloc[3])


def test_one_line_asks_either_engine(settings: Settings, chip_id: str) -> None:
    frames = [
        search("clay", settings=settings, engine=engine, chip_id=chip_id, k=4)
        for engine in ("duckdb", "pgvector")
    ]
    assert len(frames[0]) == 4
    assert frames[0]["chip_id"].tolist() == frames[1]["chip_id"].tolist()
    assert frames[0]["score"].tolist() == frames[1]["score"].tolist()


def test_engines_agree_on_real_embeddings(settings: Settings) -> None:
    with open_index(settings, "duckdb") as duckdb, open_index(settings, "pgvector") as pgvector:
        measured = measure_recall(pgvector, "clay", reference=duckdb, k=5)
    assert (measured.recall, measured.same_order_share, measured.exact_share) == (1, 1, 1)
    assert measured.score_difference == 0


def test_unknown_engine_is_named(settings: Settings) -> None:
    with pytest.raises(SearchError, match="one of duckdb, pgvector, got 'faiss'"):
        open_index(settings, "faiss")


def test_server_runs_while_the_index_is_open(settings: Settings, chip_id: str) -> None:
    pid_file = settings.postgres_folder / "data/postmaster.pid"
    with open_index(settings, "pgvector") as index:
        assert len(index.search(Query("clay", chip_id=chip_id, k=2)).frame) == 2
        assert psutil.Process(int(pid_file.read_text().split()[0])).is_running()
    assert not pid_file.exists()


def test_index_left_open_lets_go_of_the_server_at_exit(settings: Settings, chip_id: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LEAVES_IT_OPEN, str(settings.home), chip_id],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "10\n"
    assert not (settings.postgres_folder / "data/postmaster.pid").exists()


def test_examples_are_the_same_under_one_seed(settings: Settings) -> None:
    first, again, other = (
        neighbour_examples(settings.store, "clay", queries=3, k=4, seed=seed) for seed in (1, 1, 2)
    )
    assert [example.chip_id for example in first] == [example.chip_id for example in again]
    assert [example.chip_id for example in first] != [example.chip_id for example in other]
    assert all(len(example.hits.frame) == 4 for example in first)
    assert all(example.chip_id not in set(example.hits.frame["chip_id"]) for example in first)


def test_trace_walks_back_to_scenes_and_runs(settings: Settings, tile: str, chip_id: str) -> None:
    store = settings.store
    found = trace(store, "clay", chip_id)
    lines = found.lines()
    told = dict(lines)
    assert told["tile"] == tile
    assert told["embedding"] == f"{find_file(store, 'clay', tile).key} (mean, fp32)"
    assert told["checkpoint"].endswith("(default)")
    assert told["checkpoint from"] == "random weights"
    assert told["pixels"].endswith(f"{chip_id}.tif")
    assert "changed" not in told
    runs = [value for name, value in lines if name.endswith("by run") or "by run" in name]
    assert runs == ["run-of-embeddings", "run-of-checkpoint", "run-of-chips", "run-of-tiles"]
    scenes = [value for name, value in lines if name == "scene"]
    assert len(scenes) == len(read_manifest(store, tile).rows["scenes"].iloc[3]) >= 3
    assert told["imagery"].endswith("catalog.json")


def test_trace_of_an_unknown_chip_says_where_it_looked(settings: Settings) -> None:
    with pytest.raises(NotFoundError, match=r"no embedding of chip 'x' in product 'clay', .*1 fil"):
        trace(settings.store, "clay", "x")


def test_trace_tells_what_is_gone_or_changed(
    settings: Settings, tile: str, chip_id: str, tmp_path: Path
) -> None:
    shutil.copytree(settings.data_root, tmp_path / "data")
    store = Settings.from_environment({"CLAY_HOME": str(tmp_path)}).store
    manifest = read_manifest(store, tile)
    changed = [replace(row, content_hash="cut anew") for row in manifest_rows(manifest)]
    write_manifest(
        store,
        tile,
        changed,
        inputs="other",
        run_id="again",
        chip_size=64,
        rejected={},
        source="elsewhere",
    )
    told = dict(trace(store, "clay", chip_id).lines())
    assert "cut anew since it was embedded" in told["changed"]
    assert told["cut by run"] == "again"
    store.delete([f"chips/{tile}/chips.parquet", f"tiles/{tile}/tile.parquet"])
    store.delete([file.key for file in store.files("checkpoints")])
    told = dict(trace(store, "clay", chip_id).lines())
    assert told["checkpoint"].endswith("(not in the store any more)")
    assert told["pixels"].startswith("not in the store any more")
    assert "imagery" not in told
