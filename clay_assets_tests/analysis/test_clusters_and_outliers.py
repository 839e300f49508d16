"""Kinds of ground without labels, and rows like no other."""

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import adjusted_rand_score
from sklearn.neighbors import NearestNeighbors

from clay_assets.analysis.clusters import ClusterSettings, Summaries, assign, find_centres
from clay_assets.analysis.outliers import OutlierSettings, find_outliers
from clay_assets.analysis.rows import files_of, sample_rows
from clay_assets.errors import InvalidValueError
from clay_assets_tests.analysis.made_land import (
    DAYS,
    TILES,
    WIDTH,
    chip_named,
    class_of,
    made_land,
    with_vector,
)


@pytest.fixture(scope="module")
def files(land_store):
    return files_of(land_store, "clay")


def test_clusters_are_the_kinds_of_ground(land, land_store, files):
    centres = find_centres(land_store, files, ClusterSettings(2))
    rows = pa.concat_tables(assign(land_store, files, centres))
    wanted = {chip.chip_id: class_of(chip) for chip in land}
    classes = [wanted[id_] for id_ in rows["id"].to_pylist()]
    assert adjusted_rand_score(classes, rows["cluster"].to_pylist()) > 0.95
    assert centres.silhouette > 0.3
    assert 0.3 < centres.explained < 1


def test_summaries_count_every_row_and_name_one_a_place(land_store, files):
    centres = find_centres(land_store, files, ClusterSettings(3))
    summaries, parts = Summaries(3), list(assign(land_store, files, centres))
    for part in parts:
        summaries.add(part)
    found, rows = summaries.list(), pa.concat_tables(parts)
    assert sum(each.rows for each in found) == len(rows)
    for each in found:
        own = rows.filter(pa.compute.equal(rows["cluster"], each.cluster)).sort_by("distance")
        assert each.typical[0] == own["id"][0].as_py()
        places = [(id_[9:14], id_[-4:]) for id_ in each.typical]
        assert len(set(places)) == len(places) == 5


def test_a_sample_has_about_as_many_rows_as_asked(land_store, files):
    sample = sample_rows(land_store, files, 200, seed=0)
    assert 150 < len(sample.ids) < 250
    assert sample.vectors.shape == (len(sample.ids), WIDTH)
    assert len(sample_rows(land_store, files, 10_000, seed=0).ids) == 600


def test_clusters_that_cannot_be_are_refused(new_store):
    with pytest.raises(InvalidValueError, match="clusters must be 2 to 64, got 1"):
        ClusterSettings(1)
    store = new_store(made_land(tiles=TILES[:1])[:5])
    with pytest.raises(InvalidValueError, match="fewer than the 5 rows of product 'clay', got 8"):
        find_centres(store, files_of(store, "clay"))


def test_the_stranger_comes_first(new_store):
    chips = made_land()
    strange = chip_named(chips, TILES[1], DAYS[1], 42)
    vector = -np.arange(WIDTH, dtype=np.float64)
    store = new_store(with_vector(chips, strange, vector))
    found = find_outliers(store, files_of(store, "clay"), OutlierSettings(10))
    first = found.frame.iloc[0]
    assert first["id"] == chips[strange].chip_id
    assert first["z"] > 10
    assert first["distance"] > 3 * found.median_distance
    assert len(found.frame) == 10
    assert found.rows == 600


def test_distances_are_those_of_scikit_learn(land, land_store, files):
    """All rows are in the sample, so that it is exact; a row is not its own neighbour."""
    found = find_outliers(land_store, files, OutlierSettings(600, 5)).frame.set_index("id")
    vectors = np.array([chip.embedding for chip in land])
    nearest = NearestNeighbors(n_neighbors=6, metric="cosine").fit(vectors)
    distances, rows = nearest.kneighbors(vectors)
    ids = [chip.chip_id for chip in land]
    assert found.loc[ids, "distance"].tolist() == pytest.approx(distances[:, 5].tolist(), abs=1e-6)
    same = found.loc[ids, "nearest"].to_numpy() == np.array(ids)[rows[:, 1]]
    assert same.mean() > 0.98  # float32 ties


def test_a_patch_may_be_strange(patch_store):
    found = find_outliers(patch_store, files_of(patch_store, "clay"), OutlierSettings(3))
    assert found.rows == 12 * 16
    assert found.frame["id"].str.count("/").tolist() == [2, 2, 2]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"most": 0}, "most must be 1 to 5000 outliers, got 0"),
        ({"neighbours": 0}, "neighbours must be 1 to 100, got 0"),
        ({"max_cloud_share": -1}, "max_cloud_share must be 0 to 1, got -1"),
    ],
)
def test_settings_of_outliers_that_make_no_sense_are_refused(values, message):
    with pytest.raises(InvalidValueError, match=message):
        OutlierSettings(**values)


def test_too_few_rows_to_compare_with_are_refused(new_store):
    store = new_store(made_land(tiles=TILES[:1])[:4])
    with pytest.raises(InvalidValueError, match=r"fewer than the 4 rows .* got 5"):
        find_outliers(store, files_of(store, "clay"))


def test_cloudy_outliers_can_be_left_out(land_store, files):
    assert find_outliers(land_store, files, OutlierSettings(max_cloud_share=0.05)).frame.empty
