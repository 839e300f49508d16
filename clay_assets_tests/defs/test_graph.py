"""The graph as it is declared."""

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from clay_assets.definitions import build_defs
from clay_assets.errors import ProductError
from clay_assets.settings import Settings


@pytest.fixture
def definitions(tmp_path: Path) -> dg.Definitions:
    return build_defs(Settings.from_environment({"CLAY_HOME": str(tmp_path)}))


def test_the_asset_keys_are_these(definitions: dg.Definitions):
    graph = definitions.resolve_asset_graph()
    assert sorted(key.to_user_string() for key in graph.get_all_asset_keys()) == [
        "checkpoints",
        "chips",
        "clay/change",
        "clay/clusters",
        "clay/embedding_map",
        "clay/outliers",
        "clay/predictions",
        "coverage",
        "duckdb_index",
        "embeddings/clay",
        "imagery",
        "images",
        "neighbour_examples",
        "pgvector_hnsw",
        "pgvector_index",
        "tile_sample",
        "tiles",
        "training_set",
    ]


def test_the_way_of_the_data_is_this(definitions: dg.Definitions):
    graph = definitions.resolve_asset_graph()
    parents = {
        key.to_user_string(): {parent.to_user_string() for parent in graph.get(key).parent_keys}
        for key in graph.get_all_asset_keys()
    }
    assert parents == {
        "imagery": set(),
        "images": set(),
        "tile_sample": set(),
        "tiles": {"imagery"},
        "chips": {"tiles"},
        "training_set": {"chips"},
        "checkpoints": {"training_set"},
        "coverage": {"chips", "embeddings/clay"},
        "embeddings/clay": {"chips", "checkpoints"},
        "clay/embedding_map": {"embeddings/clay"},
        "clay/change": {"embeddings/clay"},
        "clay/clusters": {"embeddings/clay"},
        "clay/outliers": {"embeddings/clay"},
        "clay/predictions": {"embeddings/clay"},
        "duckdb_index": {"embeddings/clay"},
        "pgvector_index": {"embeddings/clay"},
        "pgvector_hnsw": {"pgvector_index"},
        "neighbour_examples": {"duckdb_index"},
    }


def test_every_asset_is_described_owned_and_versioned(definitions: dg.Definitions):
    graph = definitions.resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert node.description, key
        assert node.owners, key
        assert node.group_name != "default", key
        assert node.kinds, key
        assert node.is_external or node.code_version, key


def test_every_job_resolves(definitions: dg.Definitions):
    names = {"cut_chips", "make_checkpoint", "import_checkpoint", "one_tile", "build_indexes"}
    repository = definitions.get_repository_def()
    assert names <= {job.name for job in repository.get_all_jobs()}


def test_projections_have_a_job_where_there_are_any(tmp_path: Path, definitions: dg.Definitions):
    products = tmp_path / "products.toml"
    products.write_text("[products.whole]\n[products.small]\npca = 2\n")
    environ = {"CLAY_HOME": str(tmp_path), "CLAY_PRODUCTS": str(products)}
    job = build_defs(Settings.from_environment(environ)).resolve_job_def("fit_projections")
    assert job.asset_layer.selected_asset_keys == {dg.AssetKey(["projections", "small"])}
    jobs = definitions.get_repository_def().get_all_jobs()
    assert "fit_projections" not in {job.name for job in jobs}


def test_each_product_is_an_asset(tmp_path: Path):
    products = tmp_path / "products.toml"
    products.write_text('[products.mean]\n[products.fine]\nlevel = "patch"\n')
    environ = {"CLAY_HOME": str(tmp_path), "CLAY_PRODUCTS": str(products)}
    graph = build_defs(Settings.from_environment(environ)).resolve_asset_graph()
    for name in ("mean", "fine"):
        assert graph.has(dg.AssetKey(["embeddings", name]))


def test_something_must_be_there_to_search(tmp_path: Path):
    products = tmp_path / "products.toml"
    products.write_text('[products.fine]\nlevel = "patch"\n[products.birds]\ninput = "images"\n')
    environ = {"CLAY_HOME": str(tmp_path), "CLAY_PRODUCTS": str(products)}
    with pytest.raises(ProductError, match=r"one vector a chip, .* products of chips are fine"):
        build_defs(Settings.from_environment(environ))


def test_a_model_that_cannot_give_it_stops_the_graph(tmp_path: Path):
    products = tmp_path / "products.toml"
    products.write_text('[products.clay]\nmodel = "clay-v0.1"\nlayer = 12\n')
    environ = {"CLAY_HOME": str(tmp_path), "CLAY_PRODUCTS": str(products)}
    with pytest.raises(ProductError, match="product clay: layer 12 is out of range"):
        build_defs(Settings.from_environment(environ))


def test_a_wrong_products_file_stops_the_graph(tmp_path: Path):
    products = tmp_path / "products.toml"
    products.write_text('[products.clay]\nlevel = "token"\n')
    environ = {"CLAY_HOME": str(tmp_path), "CLAY_PRODUCTS": str(products)}
    with pytest.raises(ProductError, match="token"):
        build_defs(Settings.from_environment(environ))


def test_definitions_load_without_any_environment_variable(tmp_path: Path):
    code = (
        "import warnings, dagster\n"
        "warnings.simplefilter('error')\n"
        "warnings.simplefilter('ignore', dagster.BetaWarning)\n"  # backfill_policy has no other way
        "import clay_assets.definitions as d\n"
        "print(len(d.defs().resolve_asset_graph().get_all_asset_keys()))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "18"
    assert not list(tmp_path.iterdir()), "loading the definitions must not write anything"
