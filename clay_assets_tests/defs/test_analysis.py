"""The analyses in the graph."""

import dagster as dg
import pytest

from clay_assets.defs.analysis import analysis_assets
from clay_assets.defs.analysis_metadata import NO_LABEL_SETS
from clay_assets.defs.partitions import add_tiles
from clay_assets.defs.resources import StoreResource
from clay_assets.embeddings import Product
from clay_assets.store import Store
from clay_assets_tests.analysis.made_land import TILES, made_land, put
from clay_assets_tests.analysis.test_outputs import put_labels

PRODUCT = Product("clay")


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as ephemeral:
        add_tiles(ephemeral, list(TILES))
        yield ephemeral


@pytest.fixture(scope="module")
def land(tmp_path_factory) -> Store:
    folder = tmp_path_factory.mktemp("analysis")
    store = Store(str(folder / "data"), folder / "cache")
    put(store, made_land())
    put_labels(store, "lakes")
    return store


def run(store, instance, kind, *, tiles=None, config=None, ok=True) -> dg.ExecuteInProcessResult:
    key = dg.AssetKey(["clay", kind])
    result = dg.materialize(
        analysis_assets([PRODUCT]),
        instance=instance,
        selection=[key],
        partition_key=tiles,
        resources={"store": StoreResource(root=store.root, cache=str(store.cache))},
        run_config={"ops": {f"clay__{kind}": {"config": config}}} if config else None,
        raise_on_error=False,
    )
    assert result.success == ok
    return result


def metadata_of(result) -> dict:
    (event,) = result.get_asset_materialization_events()
    return {name: value.value for name, value in event.materialization.metadata.items()}


def test_each_searched_product_has_its_analyses():
    products = [PRODUCT, Product("fine", level="patch"), Product("six", level="group")]
    keys = {asset.key.to_user_string() for asset in analysis_assets(products)}
    kinds = ("embedding_map", "change", "clusters", "outliers", "predictions")
    assert keys == {f"{name}/{kind}" for kind in kinds for name in ("clay", "fine")}


@pytest.mark.parametrize("kind", ["embedding_map", "change"])
def test_a_tile_is_pictured(land, instance, kind):
    metadata = metadata_of(run(land, instance, kind, tiles=TILES[0]))
    assert metadata["picture"].startswith("![](data:image/png;base64,")
    assert metadata["skipped"] is False
    assert metadata_of(run(land, instance, kind, tiles=TILES[0]))["skipped"] is True


@pytest.mark.parametrize("kind", ["clusters", "outliers"])
def test_all_tiles_are_analysed(land, instance, kind):
    metadata = metadata_of(run(land, instance, kind))
    assert metadata["picture"].startswith("![](data:image/png;base64,")
    assert f"analysis/{kind}/clay" in metadata["dagster/uri"]


def test_label_sets_become_predictions(land, instance):
    metadata = metadata_of(run(land, instance, "predictions", config={"model": "boosting"}))
    assert metadata["label_sets"] == "lakes"
    assert "balanced accuracy" in metadata["report of lakes"]
    assert sum(metadata["predicted by lakes"].values()) == 600
    assert metadata["balanced_accuracy of lakes"] > 0.8


def test_without_label_sets_there_is_nothing_to_predict(tmp_path, instance):
    store = Store(str(tmp_path / "data"), tmp_path / "cache")
    put(store, made_land(tiles=TILES[:1]))
    assert metadata_of(run(store, instance, "predictions")) == {"label_sets": NO_LABEL_SETS}


def test_config_that_makes_no_sense_fails_the_run(land, instance):
    result = run(land, instance, "change", tiles=TILES[0], config={"before": "May"}, ok=False)
    (failure,) = result.get_step_failure_events()
    assert "before must be a day YYYY-MM-DD" in failure.step_failure_data.error.message
