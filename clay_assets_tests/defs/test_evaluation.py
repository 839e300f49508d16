"""Evaluation in the graph: figures that Dagster plots, and products side by side."""

import dagster as dg
import pytest

from clay_assets.definitions import build_defs
from clay_assets.defs.evaluation import evaluation_assets
from clay_assets.defs.partitions import add_image_set
from clay_assets.defs.resources import StoreResource
from clay_assets.embeddings import Product
from clay_assets.settings import Settings
from clay_assets_tests.evaluation.made_sets import birds, put_set, put_vectors

RANGE_END = "dagster/asset_partition_range_end"
PRODUCTS = [Product("whole", input="images"), Product("half", input="images")]


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as ephemeral:
        add_image_set(ephemeral, "birds")
        yield ephemeral


@pytest.fixture
def labelled(store):
    names, vectors = birds()
    put_set(store)
    put_vectors(store, "whole", names, vectors)
    put_vectors(store, "half", names, vectors[:, :2])
    return store


def run(store, instance, *, selection=None, config=None, ok=True) -> dg.ExecuteInProcessResult:
    result = dg.materialize(
        evaluation_assets(PRODUCTS),
        partition_key="birds",
        instance=instance,
        resources={"store": StoreResource(root=store.root, cache=str(store.cache))},
        selection=selection,
        run_config=config,
        raise_on_error=False,
    )
    assert result.success == ok
    return result


def metadata_of(result, *key: str) -> dict:
    (event,) = [
        event
        for event in result.get_asset_materialization_events()
        if event.asset_key.path == [*key]
    ]
    return {name: value.value for name, value in event.materialization.metadata.items()}


def test_products_of_pictures_are_evaluated_and_compared(labelled, instance):
    result = run(labelled, instance)
    figures = metadata_of(result, "image_evaluation", "whole")
    assert figures["knn_accuracy"] == 1.0
    assert {"recall@1", "silhouette", "permanova_r2", "permanova_p"} <= set(figures)
    assert all(isinstance(figures[name], float) for name in ("silhouette", "permanova_r2"))
    assert (figures["dimensions"], figures["labels"], figures["seed"]) == (8, "genus_species", 0)
    compared = metadata_of(result, "product_comparison")
    assert compared["products"] == 2
    assert compared["comparison"].startswith("| product | dims |")
    assert compared["best by kNN accuracy"] in ("whole", "half")


def test_a_repeat_says_that_it_did_nothing(labelled, instance):
    run(labelled, instance)
    again = run(labelled, instance)
    assert metadata_of(again, "image_evaluation", "whole")["skipped"] is True
    first, second = (
        event.materialization.tags["dagster/data_version"]
        for result in (run(labelled, instance), again)
        for event in result.get_asset_materialization_events()
        if event.asset_key.path == ["product_comparison"]
    )
    assert first == second


def test_a_wrong_setting_is_a_failure_that_says_what_is_allowed(labelled, instance):
    config = {"ops": {"image_evaluation__whole": {"config": {"metric": "manhattan"}}}}
    result = run(labelled, instance, selection=["image_evaluation/whole"], config=config, ok=False)
    (failure,) = [event for event in result.all_node_events if event.is_step_failure]
    message = failure.step_failure_data.user_failure_data.description
    assert "metric must be one of cosine, euclidean, got 'manhattan'" in message


def test_the_settings_can_be_chosen(labelled, instance):
    config = {"ops": {"image_evaluation__half": {"config": {"k": 3, "metric": "euclidean"}}}}
    result = run(labelled, instance, config=config)
    figures = metadata_of(result, "image_evaluation", "half")
    assert (figures["k"], figures["metric"]) == (3, "euclidean")


def test_a_set_without_labels_is_no_failure(labelled, instance):
    put_set(labelled, None)
    result = run(labelled, instance)
    found = metadata_of(result, "image_evaluation", "whole")
    assert found["labels"].startswith("none: register the set with labels")
    assert "knn_accuracy" not in found
    compared = metadata_of(result, "product_comparison")
    assert compared["best by kNN accuracy"] == "none: there are no labels"


def test_labels_that_say_nothing_are_a_failure_that_says_why(labelled, instance):
    put_set(labelled, "(Parus)")
    result = run(labelled, instance, selection=["image_evaluation/whole"], ok=False)
    (failure,) = [event for event in result.all_node_events if event.is_step_failure]
    message = failure.step_failure_data.user_failure_data.description
    assert message.startswith("birds: an evaluation needs two classes of two members or more")


def test_a_run_over_many_sets_evaluates_each(labelled, instance):
    names, vectors = birds(30, seed=2)
    for name in ("cats", "dogs"):
        add_image_set(instance, name)
        put_set(labelled, name=name)
        for product in ("whole", "half"):
            put_vectors(labelled, product, names, vectors, image_set=name)
    put_set(labelled, "(Parus)", name="cats")
    result = dg.materialize(
        evaluation_assets(PRODUCTS),
        instance=instance,
        tags={"dagster/asset_partition_range_start": "birds", RANGE_END: "dogs"},
        resources={"store": StoreResource(root=labelled.root, cache=str(labelled.cache))},
        raise_on_error=False,
    )
    assert not result.success  # cats has one class
    done = instance.get_materialized_partitions(dg.AssetKey("product_comparison"))
    assert done == {"birds", "dogs"}


def test_products_of_chips_have_no_evaluation(tmp_path):
    assert evaluation_assets([Product("clay")]) == []


def test_the_graph_holds_them(tmp_path):
    products = tmp_path / "products.toml"
    products.write_text('[products.clay]\n[products.vit]\ninput = "images"\nlevel = "cls"\n')
    settings = Settings.from_environment(
        {"CLAY_HOME": str(tmp_path), "CLAY_PRODUCTS": str(products)}
    )
    definitions = build_defs(settings)
    graph = definitions.resolve_asset_graph()
    keys = {key.to_user_string() for key in graph.get_all_asset_keys()}
    assert {"image_evaluation/vit", "product_comparison"} <= keys
    assert "image_evaluation/clay" not in keys
    assert graph.get(dg.AssetKey("product_comparison")).partitions_def.name == "image_set"
    job = definitions.resolve_job_def("evaluate_images").asset_layer.selected_asset_keys
    assert {key.to_user_string() for key in job} == {"image_evaluation/vit", "product_comparison"}
