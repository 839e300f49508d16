"""A product whose vectors are projected, through the real graph on tiny chips."""

from collections.abc import Iterator
from dataclasses import dataclass

import dagster as dg
import numpy as np
import pytest
import torch

from clay_assets.checkpoints import put_checkpoint
from clay_assets.definitions import build_defs
from clay_assets.defs.imagery import register_imagery
from clay_assets.defs.instance import open_instance
from clay_assets.embeddings import find_file, read_metadata, read_rows, vectors_of
from clay_assets.embeddings.projection import load_projection
from clay_assets.models import ClayV0, make_checkpoint
from clay_assets.search import DuckDBIndex, Query
from clay_assets.settings import Settings
from clay_assets.store import Store
from clay_assets.tile_sources import TileSource
from clay_assets_tests.defs.operating import TINY, import_tiny_checkpoint, put_chip

TILE = "32VKM"
PRODUCTS = """
[products.clay]

[products.small]
l2 = true
standardise = true
pca = 3
dtype = "int8"

[products.drifting]
checkpoint = "changing"

[products.rounded]

[products.unfitted]
pca = 2
"""


@dataclass(frozen=True)
class Graph:
    """The real graph over a temporary folder."""

    settings: Settings

    def run(self, *assets: str, partition: str | None = None) -> dg.ExecuteInProcessResult:
        job = build_defs(self.settings).resolve_implicit_global_asset_job_def()
        keys = {dg.AssetKey(asset.split("/")) for asset in assets}
        with open_instance() as instance:
            return job.get_subset(asset_selection=keys).execute_in_process(
                instance=instance,
                partition_key=partition,
                run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
                raise_on_error=False,
            )

    def materialized(self, asset: str) -> dg.AssetMaterialization:
        with open_instance() as instance:
            event = instance.get_latest_materialization_event(dg.AssetKey(asset.split("/")))
        return event.asset_materialization

    def rows(self, product: str) -> np.ndarray:
        store = self.settings.store
        (rows,) = read_rows(store, find_file(store, product, TILE).key)
        return vectors_of(rows["embeddings"])


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graph]:
    """One tile of six chips and a checkpoint; each test makes another product."""
    folder = tmp_path_factory.mktemp("graph")
    (folder / "products.toml").write_text(PRODUCTS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLAY_HOME", str(folder / "home"))
        patch.setenv("CLAY_PRODUCTS", str(folder / "products.toml"))
        settings = Settings.from_environment()
        bucket = Store(str(folder / "02"), folder / "cache")
        import_tiny_checkpoint(settings, folder / "weights")
        with open_instance() as instance:
            for number in range(1, 7):
                put_chip(bucket, TILE, number)
            register_imagery(instance, settings.store, TileSource(TILE, bucket.root))
        graph = Graph(settings)
        assert graph.run("tiles", "chips", partition=TILE).success
        assert graph.run("projections/small").success
        yield graph


def put_weights(store: Store, name: str, seed: int) -> None:
    torch.manual_seed(seed)
    put_checkpoint(
        store,
        make_checkpoint(TINY, ClayV0(TINY).state_dict(), {}),
        name,
        inputs="",
        run_id="run",
    )


def failure_of(result: dg.ExecuteInProcessResult) -> str:
    return " ".join(
        str(event.step_failure_data.error)
        for event in result.all_node_events
        if event.is_step_failure
    )


def test_a_product_is_projected_stored_and_searched(graph):
    assert graph.run("embeddings/clay", "embeddings/small", partition=TILE).success
    store, whole = graph.settings.store, torch.from_numpy(graph.rows("clay"))
    metadata = read_metadata(store, find_file(store, "small", TILE).key)
    projection = load_projection(store, "small", metadata.projection_id)
    wanted = projection.apply(torch.nn.functional.normalize(whole)).numpy()
    half_a_step = np.abs(wanted).max(axis=1, keepdims=True) / 127 / 2
    assert (np.abs(graph.rows("small") - wanted) < 1.01 * half_a_step + 1e-4).all()
    assert graph.run("duckdb_index").success
    with DuckDBIndex(store) as index:
        assert {product.product: product.width for product in index.products()} == {
            "clay": 16,
            "small": 3,
        }
        hits = index.search(Query("small", vector=wanted[2], k=1)).frame
    assert hits.chip_id[0].endswith("0003")


def test_embeddings_wait_for_their_projection(graph):
    refused = graph.run("embeddings/unfitted", partition=TILE)
    assert not refused.success
    assert "materialise `projections/unfitted` first" in failure_of(refused)


def test_a_projection_is_shown_with_its_variance(graph):
    event = graph.materialized("projections/small")
    metadata = {name: value.value for name, value in event.metadata.items()}
    assert (metadata["chips"], metadata["tiles"], metadata["width"]) == (6, 1, 3)
    assert 0.3 < metadata["explained_variance"] < 1
    assert metadata["variance_curve"].startswith("![](data:image/png;base64,")
    assert event.tags["dagster/data_version"] == metadata["projection"]
    assert not metadata["skipped"]


def test_embeddings_depend_on_their_projection(graph):
    nodes = build_defs(graph.settings).resolve_asset_graph()
    parents = nodes.get(dg.AssetKey(["embeddings", "small"])).parent_keys
    assert dg.AssetKey(["projections", "small"]) in parents
    assert not nodes.has(dg.AssetKey(["projections", "clay"]))
    assert "Z-score, then pca to 3" in nodes.get(dg.AssetKey(["projections", "small"])).description


def test_drift_is_a_warning_and_told_with_the_event(graph):
    put_weights(graph.settings.store, "changing", 1)
    assert graph.run("embeddings/drifting", partition=TILE).success
    put_weights(graph.settings.store, "changing", 2)
    result = graph.run("embeddings/drifting", partition=TILE)
    assert result.success
    metadata = graph.materialized("embeddings/drifting").metadata
    assert metadata["drift: chips"].value == 6
    assert metadata["drift: worst_cosine"].value < 0.99
    checks = {check.check_name: check for check in result.get_asset_check_evaluations()}
    steady = checks["embeddings_are_steady"]
    assert steady.passed  # six chips say nothing about neighbours
    assert steady.metadata["worst_cosine"].value == metadata["drift: worst_cosine"].value
    assert checks["embeddings_are_sound"].passed


def test_another_vector_by_the_same_checkpoint_is_warned_of(graph, monkeypatch):
    assert graph.run("embeddings/rounded", partition=TILE).success
    monkeypatch.setattr("clay_assets.embeddings.drift.SAME_COSINE", 1.0)
    monkeypatch.setenv("CLAY_PRECISION", "bf16")
    result = Graph(Settings.from_environment()).run("embeddings/rounded", partition=TILE)
    assert result.success
    checks = {check.check_name: check for check in result.get_asset_check_evaluations()}
    steady = checks["embeddings_are_steady"]
    assert not steady.passed
    assert steady.severity == dg.AssetCheckSeverity.WARN
    assert "another vector than before" in steady.metadata["faults"].value[TILE][0]


def test_products_of_pictures_are_not_of_tiles(tmp_path):
    (tmp_path / "products.toml").write_text('[products.clay]\n[products.birds]\ninput = "images"\n')
    environ = {"CLAY_HOME": str(tmp_path), "CLAY_PRODUCTS": str(tmp_path / "products.toml")}
    nodes = build_defs(Settings.from_environment(environ)).resolve_asset_graph()
    assert not nodes.has(dg.AssetKey(["embeddings", "birds"]))
