"""Every block of docs/sql.md, run on a small installation; the answers are those of the search."""

import csv
import io
import re
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from clay_assets.chips import read_manifest
from clay_assets.cli import app
from clay_assets.search import Query, open_index

RECIPES = (Path(__file__).parents[2] / "docs/sql.md").read_text(encoding="utf-8")
EXAMPLE = "claytile_32TPT_20210828_v10_0020"
SAME = 1e-5


def blocks_of(section: str) -> list[str]:
    (text,) = re.findall(rf"^## {section}$(.*?)(?=^## |\Z)", RECIPES, re.MULTILINE | re.DOTALL)
    return re.findall(r"^```sql\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def chip(generated_area) -> str:
    rows = read_manifest(generated_area.store, generated_area.tile).rows
    return str(rows["chip_id"].iloc[7])


@pytest.fixture(scope="module")
def wanted(generated_area, chip) -> list[tuple[str, float]]:
    """Ids and scores of the nearest ten, as the search gives them."""
    return nearest(generated_area, Query("clay", chip_id=chip))


def nearest(area, query: Query) -> list[tuple[str, float]]:
    with open_index(area.settings) as index:
        frame = index.search(query).frame
    return list(zip(frame["id"], frame["score"], strict=True))


def same(rows: list[tuple], wanted: list[tuple[str, float]]) -> None:
    assert [row[0] for row in rows] == [row_id for row_id, _ in wanted]
    assert [float(row[1]) for row in rows] == pytest.approx([s for _, s in wanted], abs=SAME)


@pytest.fixture
def answers(generated_area, chip):
    """Runs the DuckDB blocks of a section in one session; the rows of each."""

    def run(section: str) -> list[list[tuple]]:
        data = generated_area.settings.data_root
        with duckdb.connect() as connection:
            return [
                connection.execute(
                    block.replace(EXAMPLE, chip).replace("~/.clay_assets/data", data)
                ).fetchall()
                for block in blocks_of(section)
            ]

    return run


def test_duckdb_on_the_files_gives_the_answers_of_the_search(generated_area, answers, chip, wanted):
    _, there, like, filtered, several, change, made, patches = answers("DuckDB on the files")
    chips = read_manifest(generated_area.store, generated_area.tile).rows
    assert sum(row[2] for row in there) == len(chips)
    same(like, wanted)
    filters = {"max_cloud_share": 0.2, "dates": ("2021-01-01", "2021-12-31")}
    same(filtered, nearest(generated_area, Query("clay", chip_id=chip, **filters)))
    assert all(row[2].startswith("POLYGON ((") for row in filtered)
    everything = nearest(generated_area, Query("clay", chip_id=chip, k=500))
    positives = (chip, everything[0][0], everything[1][0])
    marked = Query("clay", positives=positives, negatives=(everything[-1][0],))
    same(several, nearest(generated_area, marked))
    assert change[0][2] >= change[-1][2] > 0
    assert made[0][2] == "mean"
    same(patches, nearest(generated_area, Query("clay_patches", chip_id=f"{chip}/3/4")))


def test_duckdb_on_the_index_tells_what_it_holds(answers, generated_area):
    _, products, rows = answers("DuckDB on the index")
    assert [product[0] for product in products] == ["clay", "clay_patches"]
    assert products[0][3] == 1
    assert products[0][4] * 64 == products[1][4]
    assert len(rows) == 10
    assert all(row[4].startswith('{"type":"Polygon"') for row in rows)


def test_psql_gives_the_answers_of_the_search(generated_area, chip, wanted, tmp_path, capfd):
    first, *others = blocks_of("PostgreSQL")
    script = tmp_path / "recipes.sql"
    between = "\n\\echo ---\n"
    script.write_text(between.join([first, *others]).replace(EXAMPLE, chip))
    home = str(generated_area.settings.home)
    options = ["-X", "-q", "--csv", "-v", "ON_ERROR_STOP=1", "-f", str(script)]
    result = CliRunner().invoke(app, ["psql", "--home", home, "--", *options])
    told = capfd.readouterr()
    assert result.exit_code == 0, told.err
    tables = [list(csv.reader(io.StringIO(part)))[1:] for part in told.out.split("---\n")]
    products, like, filtered, sketched = tables
    assert [row[0] for row in products] == ["clay", "clay_patches"]
    same(like, wanted)
    filters = {"max_cloud_share": 0.2, "dates": ("2021-01-01", "2021-12-31")}
    same(filtered, nearest(generated_area, Query("clay", chip_id=chip, **filters)))
    same(sketched, wanted)


def test_psql_cannot_write(generated_area, capfd):
    home = str(generated_area.settings.home)
    command = ["psql", "--home", home, "--", "-X", "-c", "DELETE FROM clay_rows.clay"]
    assert CliRunner().invoke(app, command).exit_code == 1
    assert "permission denied" in capfd.readouterr().err
