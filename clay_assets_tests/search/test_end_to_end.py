"""The same questions to both engines, on real imagery and on a generated area, by chip and patch.

What should come out is computed by numpy and shapely from the embedding files alone.
"""

import json

import geopandas
import numpy as np
import pytest
import shapely
from typer.testing import CliRunner

from clay_assets.chips import read_chip_bytes, read_manifest
from clay_assets.cli import app
from clay_assets.embeddings import find_file, read_metadata, read_rows, vectors_of
from clay_assets.embeddings.outputs.patch_rows import write_patch_rows
from clay_assets.errors import NotFoundError
from clay_assets.search import ENGINES, Query, open_index, search, trace
from clay_assets.search.picture_query import embed_picture
from clay_assets_tests.search.small_installation import CHIP_PX, PATCH_PX, SmallInstallation

SAME_SCORE = 1e-4
GRID = CHIP_PX // PATCH_PX
PRODUCTS = ("clay", "clay_patches")


@pytest.fixture(scope="module", params=["generated_area", "real_tile"])
def area(request: pytest.FixtureRequest) -> SmallInstallation:
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def indexes(area):
    """The two engines, open."""
    with open_index(area.settings, "duckdb") as one, open_index(area.settings, "pgvector") as two:
        yield one, two


@pytest.fixture(scope="module")
def truth(area) -> dict[str, tuple[geopandas.GeoDataFrame, np.ndarray]]:
    """Rows and unit vectors of each product, from the files that a GIS would open."""
    found = {}
    for product in PRODUCTS:
        key = find_file(area.store, product, area.tile).key
        names = "chip_id"
        if product == "clay_patches":
            patches = f"exports/{product}.gpq"
            write_patch_rows(area.store, patches, key, area.tile)
            key, names = patches, "patch_id"
        frame = geopandas.read_parquet(area.store.url(key)).rename(columns={names: "id"})
        vectors = np.concatenate([vectors_of(t["embeddings"]) for t in read_rows(area.store, key)])
        vectors = vectors.astype(np.float64)
        found[product] = frame, vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return found


def best(truth, product, score, *, without=(), passes=None, k=10):
    """Ids and scores that should come out."""
    frame, _ = truth[product]
    keep = ~frame["id"].isin(list(without)).to_numpy()
    keep &= np.ones(len(frame), bool) if passes is None else np.asarray(passes)
    ids, scores = frame["id"].to_numpy()[keep], score[keep].round(6)
    order = np.lexsort((ids, -scores))[:k]
    return ids[order].tolist(), scores[order]


def ask_both(indexes, query):
    """The answer, once both engines have given the same."""
    first, second = (index.search(query).frame for index in indexes)
    assert first["id"].tolist() == second["id"].tolist()
    np.testing.assert_allclose(first["score"], second["score"], atol=SAME_SCORE)
    return first


def check(found, wanted):
    """Scores in order, and the same rows but for those that tie at the end."""
    ids, scores = wanted
    np.testing.assert_allclose(found["score"], scores, atol=SAME_SCORE)
    sure = {name for name, score in zip(ids, scores, strict=True) if score > scores[-1] + 1e-4}
    assert sure <= set(found["id"])
    assert len(found) == len(ids)


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_row_finds_the_rows_that_numpy_finds(indexes, truth, product):
    frame, unit = truth[product]
    for place in (3, len(frame) // 2):
        own = frame["id"].iloc[place]
        wanted = best(truth, product, unit @ unit[place], without=[own])
        check(ask_both(indexes, Query(product, chip_id=own)), wanted)


@pytest.mark.parametrize("product", PRODUCTS)
def test_filters_leave_out_the_rest_and_nothing_else(indexes, truth, product):
    frame, unit = truth[product]
    own = frame["id"].iloc[5]
    west, south, east, north = frame.total_bounds
    middle = shapely.box(*frame.total_bounds).centroid
    triangle = shapely.Polygon([(west, south), (east, south), middle.coords[0]])
    box = (west, middle.y, middle.x, north)
    day = max(frame["date"])
    filters = [
        ({"area": triangle}, frame.geometry.intersects(triangle)),
        ({"bbox_wgs84": box}, frame.geometry.intersects(shapely.box(*box))),
        ({"dates": (day, None)}, (frame["date"] == day).to_numpy()),
        ({"max_cloud_share": 0.02}, (frame["cloud_share"] <= np.float32(0.02)).to_numpy()),
    ]
    for asked, passes in filters:
        wanted = best(truth, product, unit @ unit[5], without=[own], passes=passes, k=12)
        check(ask_both(indexes, Query(product, chip_id=own, k=12, **asked)), wanted)


def test_a_circle_leaves_out_what_is_further(indexes, truth):
    frame, _ = truth["clay"]
    own, middle = frame["id"].iloc[0], shapely.box(*frame.total_bounds).centroid
    west, _, east, _ = frame.to_crs(frame.estimate_utm_crs()).total_bounds
    radius_m = 0.3 * (east - west)
    query = Query("clay", chip_id=own, k=500, circle=(middle.x, middle.y, radius_m))
    found = ask_both(indexes, query)
    metres = frame.estimate_utm_crs()
    centre = geopandas.GeoSeries([middle], crs=frame.crs).to_crs(metres).iloc[0]
    away = frame.set_index("id").to_crs(metres).distance(centre).drop(own)
    assert set(away.index[away < 0.99 * radius_m]) <= set(found["id"])
    assert set(found["id"]) <= set(away.index[away < 1.01 * radius_m])
    assert 0 < len(found) < len(frame)


@pytest.mark.parametrize("mode", ["max", "mean", "rocchio", "ridge"])
@pytest.mark.parametrize("product", PRODUCTS)
def test_several_examples_are_scored_alike_by_both_engines(indexes, truth, product, mode):
    frame, unit = truth[product]
    places = np.random.default_rng(0).choice(len(frame), 5, replace=False)
    names = frame["id"].iloc[places].tolist()
    query = Query(product, positives=tuple(names[:3]), negatives=tuple(names[3:]), mode=mode)
    found = ask_both(indexes, query)
    assert not set(found["id"]) & set(names)
    assert len(found) == 10
    if mode == "max":
        likeness = unit @ unit[places].T
        score = likeness[:, :3].max(axis=1) - 0.5 * likeness[:, 3:].max(axis=1)
        check(found, best(truth, product, score, without=names))


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_picture_of_a_chip_finds_the_chip(area, indexes, truth, product):
    row = read_manifest(area.store, area.tile).rows.iloc[4]
    data = read_chip_bytes(area.store, row["path"])
    place = row.geometry.centroid
    shown = embed_picture(area.store, area.products[product], data, lonlat=(place.x, place.y))
    hit = ask_both(indexes, Query(product, vector=shown.vector, k=3)).iloc[0]
    assert (hit["chip_id"], hit["score"] > 0.9999) == (row["chip_id"], True)
    assert hit.geometry.intersects(shown.footprint.centroid)


def test_one_line_asks_by_a_picture(area, tmp_path):
    row = read_manifest(area.store, area.tile).rows.iloc[4]
    path = tmp_path / "picture.tif"
    path.write_bytes(read_chip_bytes(area.store, row["path"]))
    found = search("clay", picture=path, k=2, settings=area.settings)
    assert found["id"].iloc[0] == row["chip_id"]
    command = ["search", "--image", str(path), "-k", "2", "--home", str(area.settings.home)]
    told = CliRunner().invoke(app, [*command, "--output", "geojson"])
    assert told.exit_code == 0, told.output
    features = json.loads(told.stdout)["features"]
    assert [one["properties"]["id"] for one in features] == found["id"].tolist()


def test_a_picture_or_product_that_is_not_there_is_named(area, tmp_path):
    with pytest.raises(NotFoundError, match=r"picture .*none\.tif cannot be read: No such file"):
        search("clay", picture=tmp_path / "none.tif", settings=area.settings)
    with pytest.raises(NotFoundError, match="no product 'x'; declared are clay, clay_patches"):
        search("x", picture=b"", settings=area.settings)


@pytest.mark.parametrize("asked", ["chip_id", "positives", "negatives"])
def test_a_chip_is_no_example_where_patches_are_searched(area, indexes, truth, asked):
    patch = truth["clay_patches"][0]["id"].iloc[0]
    chip_id = patch.split("/")[0]
    query = {"chip_id": patch} | {asked: chip_id if asked == "chip_id" else (chip_id,)}
    patches = "name one as chip_id/row/col with row 0 to 7 from the north and col 0 to 7"
    for index in indexes:
        with pytest.raises(NotFoundError, match=f"no patch '{chip_id}' in .*{patches}"):
            index.search(Query("clay_patches", **query))
    option = "--unlike" if asked == "negatives" else "--like"
    command = ["search", "--like", patch, option, chip_id, "--product", "clay_patches"]
    told = CliRunner().invoke(app, [*command, "--home", str(area.settings.home)])
    assert told.exit_code == 1
    assert f"no patch '{chip_id}' in" in told.output
    assert patches in told.output


def test_a_place_finds_its_own_patch(indexes, truth):
    frame, _ = truth["clay_patches"]
    over = frame.geometry.iloc[77].centroid
    found = ask_both(indexes, Query("clay_patches", lonlat=(over.x, over.y), include_query=True))
    assert found.geometry.iloc[0].contains(over)
    assert found["score"].iloc[0] == pytest.approx(1, abs=SAME_SCORE)
    footprints = frame.set_index("id").geometry
    assert all(
        row.geometry.equals_exact(footprints[row["id"]], 1e-9) for _, row in found.iterrows()
    )


def test_pages_follow_each_other(indexes, truth):
    own = truth["clay_patches"][0]["id"].iloc[0]
    whole = ask_both(indexes, Query("clay_patches", chip_id=own, k=30))["id"].tolist()
    pages = [
        ask_both(indexes, Query("clay_patches", chip_id=own, k=10, offset=offset))["id"].tolist()
        for offset in (0, 10, 20)
    ]
    assert [row_id for page in pages for row_id in page] == whole


def test_a_patch_can_be_traced_to_its_scenes(area, indexes):
    chip_id = read_manifest(area.store, area.tile).rows["chip_id"].iloc[2]
    hit = indexes[0].search(Query("clay_patches", chip_id=f"{chip_id}/1/2", k=1)).frame.iloc[0]
    found = trace(area.store, "clay_patches", hit["id"])
    told = dict(found.lines())
    assert found.patch == (hit["patch_row"], hit["patch_col"])
    assert found.chip_id == hit["chip_id"]
    metres = f"{PATCH_PX} px or {PATCH_PX * found.chip.gsd_m:g} m wide"
    row, col = found.patch
    assert told["patch"] == f"row {row}, column {col} of {GRID} x {GRID}, {metres}"
    assert told["embedded by run"] == "run-of-embeddings"
    assert found.chip.scenes
    assert read_metadata(area.store, found.key).product == "clay_patches"


def test_patches_that_are_not_there_cannot_be_traced(area):
    chip_id = read_manifest(area.store, area.tile).rows["chip_id"].iloc[2]
    with pytest.raises(NotFoundError, match=r"'clay' has level mean.*leave out /1/2"):
        trace(area.store, "clay", f"{chip_id}/1/2")
    with pytest.raises(NotFoundError, match=r"has 8 x 8 patches, .* no patch '.*/1/8'"):
        trace(area.store, "clay_patches", f"{chip_id}/1/8")


def test_every_engine_was_asked(indexes):
    assert tuple(index.engine for index in indexes) == ENGINES
