"""The whole graph, for real, on a tiny synthetic landscape."""

from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest

from clay_assets.definitions import build_defs
from clay_assets.defs.demo import DemoRequest, run_demo
from clay_assets.defs.imagery import register_imagery
from clay_assets.defs.instance import open_instance
from clay_assets.search import Query, open_index
from clay_assets.settings import Settings
from clay_assets.tile_sources import read_source
from clay_assets_tests.defs.conftest import CHIP_SIZE, CHIPS, DATES, generate_landscape

ANALYSES = ("embedding_map", "change", "clusters", "outliers", "predictions")
NOT_OF_THE_DEMO = {
    *(dg.AssetKey(name) for name in ("tile_sample", "images")),
    *(dg.AssetKey(["clay", name]) for name in ANALYSES),
}


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLAY_HOME", str(tmp_path_factory.mktemp("home")))
        for name in ("CLAY_DATA_ROOT", "CLAY_IMAGERY", "CLAY_PRODUCTS", "CLAY_POSTGRES_URL"):
            patch.delenv(name, raising=False)
        yield Settings.from_environment()


@pytest.fixture(scope="module")
def imagery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a landscape that grows by a date in one test."""
    return tmp_path_factory.mktemp("imagery")


@pytest.fixture(scope="module")
def request_(imagery: Path) -> DemoRequest:
    catalogue = generate_landscape(imagery)
    return DemoRequest(imagery=str(catalogue), chip_size=CHIP_SIZE, train_seconds=3)


@pytest.fixture(scope="module")
def result(environment: Settings, request_: DemoRequest):
    return run_demo(environment, request_, say=lambda text: None)


def _materializations(asset: str) -> list[dg.AssetMaterialization]:
    with open_instance() as instance:
        records = instance.fetch_materializations(dg.AssetKey(asset.split("/")), limit=50).records
    return [record.asset_materialization for record in records]


def _stale_statuses(environment: Settings, tile: str) -> dict[str, StaleStatus]:
    """What Dagster thinks of each asset that is made here."""
    graph = build_defs(environment).resolve_asset_graph()
    partitions = {"mgrs_tile": tile, "checkpoint": "default"}
    with open_instance() as instance:
        resolver = CachingStaleStatusResolver(
            instance, graph, loading_context=LoadingContextForTest(instance)
        )
        return {
            key.to_user_string(): resolver.get_status(
                key, partitions.get(getattr(graph.get(key).partitions_def, "name", None))
            )
            for key in graph.materializable_asset_keys - NOT_OF_THE_DEMO
        }


def test_the_first_question_is_answered(result):
    assert len(result.hits.frame) == 5
    assert result.hits.frame["score"].is_monotonic_decreasing
    assert result.chip_id not in set(result.hits.frame["chip_id"])


def test_every_asset_is_materialised(environment: Settings, result):
    graph = build_defs(environment).resolve_asset_graph()
    for key in graph.get_all_asset_keys() - NOT_OF_THE_DEMO:
        assert _materializations(key.to_user_string()), key


@pytest.mark.parametrize(
    ("asset", "picture"),
    [
        ("tiles", "quicklook"),
        ("chips", "sheet"),
        ("checkpoints", "loss_curve"),
        ("checkpoints", "reconstruction"),
        ("neighbour_examples", "sheet"),
    ],
)
def test_pictures_are_in_the_metadata(result, asset: str, picture: str):
    value = _materializations(asset)[-1].metadata[picture]
    assert value.md_str.startswith("![](data:image/png;base64,")


def test_both_engines_answer_alike(environment: Settings, result):
    query = Query(product=result.product, chip_id=result.chip_id, k=8)
    answers = []
    for engine in ("duckdb", "pgvector"):
        with open_index(environment, engine) as index:
            answers.append(index.search(query).frame)
    assert list(answers[0]["chip_id"]) == list(answers[1]["chip_id"])
    assert answers[0]["score"].to_numpy() == pytest.approx(answers[1]["score"].to_numpy(), abs=1e-4)


def test_a_second_run_redoes_nothing(environment: Settings, request_: DemoRequest, result):
    before = {file.key: file.modified for file in environment.store.files()}
    again = run_demo(environment, request_, say=lambda text: None)
    after = {file.key: file.modified for file in environment.store.files()}
    assert after == before
    assert list(again.hits.frame["chip_id"]) == list(result.hits.frame["chip_id"])
    for asset in ("tiles", "chips", "embeddings/clay", "duckdb_index", "pgvector_index"):
        assert _materializations(asset)[0].metadata["skipped"].value is True


def test_nothing_is_stale_after_a_run(environment: Settings, result):
    statuses = _stale_statuses(environment, result.tile)
    assert set(statuses.values()) == {StaleStatus.FRESH}, statuses


def test_new_imagery_refreshes_only_what_changed(
    environment: Settings, request_: DemoRequest, result, imagery: Path
):
    generate_landscape(imagery, dates=DATES + 1)
    with open_instance() as instance:
        source = read_source(environment.store, result.tile)
        register_imagery(instance, environment.store, source)
    assert _stale_statuses(environment, result.tile)["tiles"] is StaleStatus.STALE
    chips = {f.key: f.modified for f in environment.store.files("chips") if f.key.endswith("tif")}
    again = run_demo(environment, request_, say=lambda text: None)
    assert again.tile == result.tile
    after = {f.key: f.modified for f in environment.store.files("chips") if f.key.endswith("tif")}
    assert {key: after[key] for key in chips} == chips
    assert len(after) == CHIPS * 3 // 2
    assert _materializations("embeddings/clay")[0].metadata["embedded"].value == CHIPS // 2
