"""From an object in a bucket to an answer, with nobody there: sensor, automation, daemon."""

import os
from pathlib import Path

import dagster as dg
import pytest

from clay_assets.defs.instance import open_instance
from clay_assets.errors import NotFoundError
from clay_assets.search import open_index
from clay_assets.settings import Settings
from clay_assets.store import Store
from clay_assets_tests.defs.operating import daemon, import_tiny_checkpoint, put_chip, wait_for

WATCHED, OTHER = "32VLM", "32VKM"


@pytest.fixture
def settings(
    tmp_path: Path,
    s3_bucket: str,
    s3_environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> Settings:
    environ = {
        "CLAY_HOME": str(tmp_path / "home"),
        "CLAY_IMAGERY": f"s3://{s3_bucket}/02",
        "CLAY_WATCH": "5",
    }
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    return Settings.from_environment()


def _indexed(settings: Settings) -> list[dict[str, tuple[float, ...]]]:
    """Chip id -> its embedding, as each engine has it."""
    found = []
    for engine in ("duckdb", "pgvector"):
        try:
            with open_index(settings, engine) as index, index.reading() as tables:
                rows = [
                    tables.chips(product, "TRUE", {}, vectors=True) for product in tables.products()
                ]
        except NotFoundError:
            rows = []
        table = [row for part in rows for row in part.to_pylist()]
        found.append({row["id"]: tuple(row["embedding"]) for row in table})
    return found


def _embedded(instance: dg.DagsterInstance) -> dict[str, list[int]]:
    """Tile -> chips that each of its embeddings runs encoded, oldest first."""
    records = instance.fetch_materializations(dg.AssetKey(["embeddings", "clay"]), limit=100)
    runs: dict[str, list[int]] = {}
    for record in reversed(records.records):
        encoded = record.asset_materialization.metadata["embedded"].value
        runs.setdefault(record.partition_key, []).append(encoded)
    return runs


@pytest.mark.slow
def test_objects_put_overwritten_and_deleted_reach_the_indexes(settings: Settings, tmp_path: Path):
    bucket = Store(settings.imagery, tmp_path / "cache")

    def indexed_chips() -> list[set[str]]:
        return [{chip.removeprefix("claytile_") for chip in found} for found in _indexed(settings)]

    def both_have(*chips: str) -> bool:
        return indexed_chips() == [{f"{chip[:5]}_20210601_v10_{chip[6:]}" for chip in chips}] * 2

    import_tiny_checkpoint(settings, tmp_path / "weights")
    with open_instance() as instance, daemon(dict(os.environ)):
        for tile in (OTHER, WATCHED):
            put_chip(bucket, tile, 1)
            put_chip(bucket, tile, 2)
        everything = ["32VKM 0001", "32VKM 0002", "32VLM 0001", "32VLM 0002"]
        wait_for("four chips in both indexes", lambda: both_have(*everything))
        assert _embedded(instance) == {OTHER: [2], WATCHED: [2]}
        before = _indexed(settings)

        overwritten = put_chip(bucket, WATCHED, 2, seed=1)
        chip = Path(overwritten).stem
        wait_for(
            "the new pixels",
            lambda: all(
                found[chip] != old[chip]
                for found, old in zip(_indexed(settings), before, strict=True)
            ),
        )
        assert both_have(*everything)
        assert _embedded(instance) == {OTHER: [2], WATCHED: [2, 1]}

        bucket.delete([overwritten])
        wait_for("one chip less", lambda: both_have(*everything[:3]))
        bucket.delete([file.key for file in bucket.files(WATCHED)])
        wait_for("one tile less", lambda: both_have(*everything[:2]))
        assert _embedded(instance)[OTHER] == [2]
        assert not settings.store.files(f"chips/{WATCHED}/2021-06-01")
