import re
from pathlib import Path

import pytest

import clay_assets
from clay_assets.errors import InvalidValueError
from clay_assets.settings import ENVIRONMENT, Settings


def test_without_any_variable_everything_lies_in_the_home_folder():
    settings = Settings.from_environment({})
    home = Path.home() / ".clay_assets"
    assert settings == Settings(
        home=home,
        data_root=str(home / "data"),
        imagery=None,
        watch_seconds=None,
        aoi=None,
        queue_url=None,
        images=None,
        products_file=None,
        postgres_url=None,
        device="auto",
        precision="fp32",
        dagster_postgres_url=None,
    )
    assert settings.store.root == str(home / "data")
    assert settings.store.cache == settings.cache == home / "cache"
    folders = {settings.synthetic_folder, settings.dagster_folder, settings.postgres_folder}
    assert folders == {home / name for name in ("synthetic", "dagster", "postgres")}


def test_every_variable_has_its_place(tmp_path):
    settings = Settings.from_environment(
        {
            "CLAY_HOME": str(tmp_path),
            "CLAY_DATA_ROOT": "s3://bucket/clay",
            "CLAY_IMAGERY": "https://earth-search.aws.element84.com/v1",
            "CLAY_WATCH": "60",
            "CLAY_AOI": "area.geojson",
            "CLAY_IMAGERY_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/1/clay",
            "CLAY_IMAGES": "s3://bucket/images",
            "CLAY_PRODUCTS": "~/products.toml",
            "CLAY_POSTGRES_URL": "postgresql://me@host/db",
            "CLAY_DEVICE": "CUDA",
            "CLAY_PRECISION": "bf16",
            "DAGSTER_POSTGRES_URL": "postgresql://me@host/dagster",
        }
    )
    assert settings.home == tmp_path
    assert settings.store.root == "s3://bucket/clay"
    assert settings.imagery == "https://earth-search.aws.element84.com/v1"
    assert (settings.watch_seconds, settings.aoi) == (60, "area.geojson")
    assert settings.queue_url == "https://sqs.eu-central-1.amazonaws.com/1/clay"
    assert settings.images == "s3://bucket/images"
    assert settings.products_file == Path.home() / "products.toml"
    assert settings.postgres_url == "postgresql://me@host/db"
    assert (settings.device, settings.precision) == ("cuda", "bf16")
    assert settings.dagster_postgres_url == "postgresql://me@host/dagster"


@pytest.mark.parametrize("found", ["often", "4", "-5", "1.5"])
def test_watching_takes_whole_seconds(found: str):
    message = f"CLAY_WATCH must be whole seconds, at least 5, got '{found}'"
    with pytest.raises(InvalidValueError, match=re.escape(message)):
        Settings.from_environment({"CLAY_WATCH": found})


def test_an_empty_variable_counts_as_unset():
    assert Settings.from_environment(dict.fromkeys(ENVIRONMENT, " ")) == (
        Settings.from_environment({})
    )


def test_a_relative_home_is_where_the_process_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Settings.from_environment({"CLAY_HOME": "here"}).home == tmp_path / "here"


def test_the_process_environment_is_read_when_none_is_given(tmp_path, monkeypatch):
    monkeypatch.setenv("CLAY_HOME", str(tmp_path))
    assert Settings.from_environment().home == tmp_path


@pytest.mark.parametrize(
    ("name", "allowed"),
    [("CLAY_DEVICE", "auto, cpu, cuda, mps"), ("CLAY_PRECISION", "fp32, bf16, int8")],
)
def test_a_value_that_is_not_allowed_is_refused(name, allowed):
    with pytest.raises(InvalidValueError, match=f"{name} must be one of {allowed}, got 'tpu'"):
        Settings.from_environment({name: "tpu"})


def test_the_table_names_every_variable_that_the_package_reads():
    pattern = re.compile(r"\"((?:CLAY|DAGSTER|AWS)_[A-Z_]+)\"")
    folder = Path(clay_assets.__file__).parent
    read = {name for file in folder.glob("*.py") for name in pattern.findall(file.read_text())}
    documented = " ".join([*ENVIRONMENT, *ENVIRONMENT.values()])
    assert {name for name in read if name not in documented} <= {
        "DAGSTER_HOME",
        "AWS_S3_ENDPOINT",
        "AWS_HTTPS",
        "AWS_VIRTUAL_HOSTING",
    }


def test_the_api_asks_and_limits_nobody_by_default():
    api = Settings.from_environment({}).api
    assert (api.token, api.origins, api.rate, api.basemap_url) == (None, (), None, None)
    assert api.max_upload_mb == 16


def test_the_api_takes_its_settings_from_the_environment():
    api = Settings.from_environment(
        {
            "CLAY_API_TOKEN": "secret",
            "CLAY_API_ORIGINS": "https://maps.example, http://localhost:8000/",
            "CLAY_API_RATE": "120",
            "CLAY_API_MAX_UPLOAD_MB": "64",
            "CLAY_BASEMAP_URL": "https://tiles.example/{z}/{x}/{y}.png",
        }
    ).api
    assert api.token == "secret"
    assert "secret" not in repr(api)
    assert api.origins == ("https://maps.example", "http://localhost:8000")
    assert (api.rate, api.max_upload_mb) == (120, 64)
    assert api.basemap_url == "https://tiles.example/{z}/{x}/{y}.png"


@pytest.mark.parametrize(
    ("name", "found", "words"),
    [
        ("CLAY_API_RATE", "0", "must be a whole number, at least 1, got '0'"),
        ("CLAY_API_MAX_UPLOAD_MB", "much", "must be a whole number, at least 1, got 'much'"),
        ("CLAY_API_ORIGINS", "maps.example", "must be sites like https://host"),
        ("CLAY_BASEMAP_URL", "https://tiles.example/", "must be a web map's address with {z}, {x}"),
    ],
)
def test_a_wrong_setting_of_the_api_is_refused(name: str, found: str, words: str):
    with pytest.raises(InvalidValueError, match=re.escape(f"{name} {words}")):
        Settings.from_environment({name: found})
