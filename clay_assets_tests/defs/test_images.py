"""Image sets in the graph: registered, seen to change, embedded."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from clay_assets.checkpoints import put_checkpoint
from clay_assets.definitions import build_defs
from clay_assets.defs.image_sensor import image_sensor
from clay_assets.defs.images import register_images
from clay_assets.defs.partitions import add_image_set
from clay_assets.defs.resources import resources_of
from clay_assets.defs.runs import RunFailedError, run_job
from clay_assets.errors import InvalidValueError, NotFoundError
from clay_assets.images.reading import read_vectors
from clay_assets.images.sets import ImageSet, image_set_of, read_set, write_set
from clay_assets.models import make_checkpoint
from clay_assets.models.vit import Vit
from clay_assets.settings import Settings
from clay_assets_tests.images.conftest import TINY
from clay_assets_tests.images.making import encoded, picture, put_pictures
from clay_assets_tests.models.seeded import weights

PRODUCTS = """
[products.clay]

[products.last_two]
checkpoint = "vit"
input = "images"
level = "chip"
pooling = "mean"
last_k = 2
l2 = true
"""
ASSET = dg.AssetKey(["image_embeddings", "last_two"])
NAMES = [f"Parus_major_{number}.png" for number in range(4)]
Tick = Callable[[], dict[str, int]]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "products.toml").write_text(PRODUCTS)
    return Settings.from_environment(
        {
            "CLAY_HOME": str(tmp_path / "home"),
            "CLAY_IMAGES": str(tmp_path / "images"),
            "CLAY_PRODUCTS": str(tmp_path / "products.toml"),
            "CLAY_DEVICE": "cpu",
        }
    )


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as instance:
        yield instance


@pytest.fixture
def birds(settings: Settings) -> Path:
    """The folder of the image set `birds`."""
    folder = Path(str(settings.images)) / "birds"
    put_pictures(folder, NAMES)
    return folder


@pytest.fixture
def vit(settings: Settings, instance: dg.DagsterInstance) -> None:
    """A tiny vision transformer as checkpoint `vit`, known to Dagster."""
    tensors = weights(Vit(TINY).state_dict())
    checkpoint = make_checkpoint(TINY, tensors, {"source": "a rule"})
    put_checkpoint(settings.store, checkpoint, "vit", inputs="a rule", run_id="test")
    instance.add_dynamic_partitions("checkpoint", ["vit"])
    instance.report_runless_asset_event(dg.AssetMaterialization("checkpoints", partition="vit"))


@pytest.fixture
def tick(settings: Settings, instance: dg.DagsterInstance) -> Tick:
    return ticking(settings, instance)


def ticking(settings: Settings, instance: dg.DagsterInstance) -> Tick:
    """Ticks as the daemon does; each gives the sets it reports with their images."""
    sensor, definitions = image_sensor(settings), build_defs(settings)
    cursor: list[str | None] = [None]

    def tick() -> dict[str, int]:
        context = dg.build_sensor_context(
            instance=instance,
            instance_ref=instance.get_ref(),
            cursor=cursor[0],
            definitions=definitions,
            resources=resources_of(settings),
        )
        data = sensor.evaluate_tick(context)
        cursor[0] = data.cursor
        for request in data.dynamic_partitions_requests:
            instance.add_dynamic_partitions("image_set", request.partition_keys)
        for event in data.asset_events:
            instance.report_runless_asset_event(event)
        return {event.partition: event.metadata["items"].value for event in data.asset_events}

    return tick


def embed(settings: Settings, instance: dg.DagsterInstance, **config) -> dict[str, object]:
    """Run the job on `birds`; the metadata of what it made."""
    run_job(
        build_defs(settings),
        instance,
        "embed_images",
        partition="birds",
        config={"image_embeddings__last_two": config},
    )
    record = instance.fetch_materializations(ASSET, limit=1).records[0]
    metadata = record.asset_materialization.metadata
    return {name: entry.value for name, entry in metadata.items()}


@pytest.mark.usefixtures("vit", "birds")
def test_an_image_set_is_embedded_by_the_job(
    settings: Settings, instance: dg.DagsterInstance, tick: Tick
):
    tick()
    made = embed(settings, instance, batch_size=3)
    assert (made["images"], made["embedded"], made["failed"], made["dims"]) == (4, 4, 0, 32)
    assert made["dagster/row_count"] == 4
    assert made["dagster/uri"] == settings.store.url("image_embeddings/last_two/birds.parquet")
    assert made["neighbours"].startswith("![](data:image/png;base64,")
    names, vectors = read_vectors(settings.store, "last_two", "birds")
    assert (names, vectors.shape) == (NAMES, (4, 32))
    again = embed(settings, instance)
    assert (again["skipped"], again["embedded"]) == (True, 0)
    assert again["neighbours"] == made["neighbours"]


@pytest.mark.usefixtures("vit")
def test_a_picture_that_cannot_be_read_is_in_the_metadata(
    settings: Settings, instance: dg.DagsterInstance, birds: Path, tick: Tick
):
    (birds / "a.png").write_bytes(b"no picture")
    tick()
    made = embed(settings, instance)
    assert (made["images"], made["failed"], made["dagster/row_count"]) == (5, 1, 4)
    assert "a.png is no picture" in made["failures"]["a.png"]
    assert made["failures_uri"].endswith("last_two/birds_failures.parquet")


@pytest.mark.usefixtures("vit", "birds")
def test_the_sheet_shows_what_is_asked(
    settings: Settings, instance: dg.DagsterInstance, tick: Tick
):
    tick()
    embed(settings, instance, query_images=[NAMES[2]], k=2, metric="euclidean", include_self=True)
    sheet = json.loads(settings.store.read_bytes("image_embeddings/last_two/birds_knn.json"))
    assert [example["query"] for example in sheet["examples"]] == [NAMES[2]]
    assert sheet["examples"][0]["neighbours"][0]["filename"] == NAMES[2]
    with pytest.raises(RunFailedError, match="birds: metric must be one of cosine, euclidean"):
        embed(settings, instance, metric="manhattan")


@pytest.mark.usefixtures("vit")
def test_a_set_that_fails_says_why(settings: Settings, instance: dg.DagsterInstance):
    add_image_set(instance, "birds")
    with pytest.raises(RunFailedError, match="birds: there is no image set 'birds'"):
        embed(settings, instance)


def test_new_sets_are_registered_and_added_as_partitions(
    settings: Settings, instance: dg.DagsterInstance, birds: Path, tick: Tick
):
    assert tick() == {"birds": 4}
    assert instance.get_dynamic_partitions("image_set") == ["birds"]
    assert read_set(settings.store, "birds") == ImageSet("birds", str(birds))
    assert tick() == {}
    put_pictures(birds.parent / "moths" / "deeper", ["a.png"])
    assert tick() == {"moths": 1}


def test_every_change_is_seen_also_within_a_second(birds: Path, tick: Tick):
    tick()
    path = birds / NAMES[0]
    path.write_bytes(path.read_bytes())  # the same size, an instant later
    assert tick() == {"birds": 4}
    (birds / NAMES[1]).unlink()
    assert tick() == {"birds": 3}
    (birds / "new.jpg").write_bytes(encoded(picture(), "JPEG"))
    assert tick() == {"birds": 4}
    (birds / "notes.txt").write_text("no picture")
    assert tick() == {}


def test_a_change_is_observed_and_materialised_and_a_deleted_set_only_observed(
    instance: dg.DagsterInstance, birds: Path, tick: Tick
):
    key = dg.AssetKey("images")
    tick()
    assert len(instance.fetch_materializations(key, limit=10).records) == 1
    assert len(instance.fetch_observations(key, limit=10).records) == 1
    for name in NAMES:
        (birds / name).unlink()
    birds.rmdir()
    assert tick() == {"birds": 0}
    assert tick() == {}
    assert len(instance.fetch_materializations(key, limit=10).records) == 1
    assert len(instance.fetch_observations(key, limit=10).records) == 2
    put_pictures(birds, NAMES)
    assert tick() == {"birds": 4}


def test_a_place_that_holds_pictures_itself_is_one_set(
    settings: Settings, instance: dg.DagsterInstance, birds: Path
):
    put_pictures(birds / "nested", ["a.png"])
    tick = ticking(replace(settings, images=str(birds)), instance)
    assert tick() == {"birds": 5}
    assert read_set(settings.store, "birds").location == str(birds)


def test_folders_without_a_usable_name_are_ignored(birds: Path, tick: Tick):
    put_pictures(birds.parent / "my birds", ["a.png"])
    assert tick() == {"birds": 4}


@pytest.mark.usefixtures("birds")
def test_a_set_taken_from_elsewhere_is_left_alone(settings: Settings, tick: Tick, tmp_path: Path):
    elsewhere = image_set_of("birds", str(tmp_path / "elsewhere"), "genus_species")
    write_set(settings.store, elsewhere)
    assert tick() == {}
    assert read_set(settings.store, "birds") == elsewhere


def test_labels_of_a_registered_set_are_kept(settings: Settings, birds: Path, tick: Tick):
    labelled = image_set_of("birds", str(birds), "genus_species")
    write_set(settings.store, labelled)
    assert tick() == {"birds": 4}
    assert read_set(settings.store, "birds") == labelled


def test_a_bucket_is_watched_like_a_folder(
    settings: Settings, instance: dg.DagsterInstance, s3_bucket: str
):
    images = f"s3://{s3_bucket}/images"
    bucket = replace(settings, data_root=images).store
    bucket.write_bytes("birds/a.png", encoded(picture()))
    tick = ticking(replace(settings, images=images), instance)
    assert tick() == {"birds": 1}
    assert read_set(settings.store, "birds").location == f"{images}/birds"
    bucket.write_bytes("birds/a.png", encoded(picture(1)))
    assert tick() == {"birds": 1}
    assert tick() == {}
    bucket.delete(["birds/a.png"])
    assert tick() == {"birds": 0}


def test_without_a_place_to_watch_the_sensor_says_what_to_set(
    settings: Settings, instance: dg.DagsterInstance
):
    sensor = image_sensor(replace(settings, images=None))
    context = dg.build_sensor_context(instance, resources=resources_of(settings))
    assert "CLAY_IMAGES is not set; this sensor" in sensor.evaluate_tick(context).skip_message


@pytest.mark.parametrize(("watch", "status"), [(None, "STOPPED"), (30, "RUNNING")])
def test_the_sensor_runs_from_the_start_only_when_asked(
    settings: Settings, watch: int | None, status: str
):
    sensor = image_sensor(replace(settings, watch_seconds=watch))
    assert sensor.default_status.value == status


@pytest.mark.usefixtures("vit", "birds")
def test_automation_embeds_what_the_sensor_found(
    settings: Settings, instance: dg.DagsterInstance, tick: Tick, birds: Path
):
    definitions = build_defs(settings)
    cursor = None

    def asked() -> set[str | None]:
        nonlocal cursor
        result = dg.evaluate_automation_conditions(definitions, instance, cursor=cursor)
        cursor = result.cursor
        return set(result.get_requested_partitions(ASSET))

    assert asked() == set()
    tick()
    assert asked() == {"birds"}
    embed(settings, instance)
    assert asked() == set()
    (birds / NAMES[0]).unlink()
    tick()
    assert asked() == {"birds"}


def test_a_registered_set_reports_its_pictures(
    settings: Settings, instance: dg.DagsterInstance, birds: Path, tmp_path: Path
):
    assert register_images(instance, settings.store, image_set_of("mine", str(birds))) == 4
    assert instance.get_dynamic_partitions("image_set") == ["mine"]
    assert len(instance.fetch_materializations(dg.AssetKey("images"), limit=9).records) == 1
    with pytest.raises(NotFoundError, match="nowhere is not a folder"):
        register_images(instance, settings.store, image_set_of("x", str(tmp_path / "nowhere")))
    with pytest.raises(InvalidValueError, match="the name of an image set must be"):
        add_image_set(instance, "a..b")


PROJECTED = """
[products.clay]

[products.small]
checkpoint = "vit"
input = "images"
standardise = true
pca = 2
"""


@pytest.mark.usefixtures("vit")
def test_a_projected_product_asks_for_its_projection_first(
    settings: Settings, instance: dg.DagsterInstance, birds: Path
):
    Path(str(settings.products_file)).write_text(PROJECTED)
    register_images(instance, settings.store, image_set_of("birds", str(birds)))
    definitions = build_defs(settings)
    parents = definitions.resolve_asset_graph().get(dg.AssetKey(["image_embeddings", "small"]))
    assert {key.to_user_string() for key in parents.parent_keys} == {
        "checkpoints",
        "images",
        "projections/small",
    }
    job = definitions.resolve_implicit_global_asset_job_def()
    done = job.get_subset(
        asset_selection={dg.AssetKey(["projections", "small"])}
    ).execute_in_process(instance=instance, raise_on_error=False)
    made = done.asset_materializations_for_node("projections__small")[0].metadata
    assert (made["images"].value, made["width"].value) == (4, 2)
    assert "variance_curve" in made
    run_job(definitions, instance, "embed_images", partition="birds")
    assert read_vectors(settings.store, "small", "birds")[1].shape == (4, 2)


@pytest.mark.usefixtures("vit")
def test_one_bad_set_of_a_run_over_many_fails_alone(
    settings: Settings, instance: dg.DagsterInstance, birds: Path, tick: Tick
):
    for name in ("cats", "moths"):
        put_pictures(birds.parent / name, ["a.png"])
    (birds.parent / "cats" / "a.png").write_bytes(b"no picture")
    tick()
    bounds = ("birds", "moths")
    names = [f"dagster/asset_partition_range_{end}" for end in ("start", "end")]
    done = (
        build_defs(settings)
        .resolve_job_def("embed_images")
        .execute_in_process(
            instance=instance, tags=dict(zip(names, bounds, strict=True)), raise_on_error=False
        )
    )
    records = instance.fetch_materializations(ASSET, limit=9).records
    assert sorted(record.partition_key for record in records) == ["birds", "moths"]
    tags = records[0].asset_materialization.tags
    assert tags["dagster/code_version"] == "1"
    assert "dagster/input_data_version/images" in tags
    (failure,) = [event for event in done.all_events if event.is_step_failure]
    reason = failure.step_failure_data.user_failure_data.description
    assert reason.startswith("1 of 3 image sets failed: cats: image set cats has no image that can")
