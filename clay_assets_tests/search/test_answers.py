"""DuckDB ranks as numpy does, and pgvector as DuckDB: the same chips, order and scores."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

import numpy as np
import pandas as pd
import psycopg
import pytest
import shapely
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from shapely.affinity import rotate, translate
from sklearn.linear_model import Ridge

from clay_assets.errors import DatabaseError, NotFoundError, SearchError
from clay_assets.ingest.antimeridian import within_globe
from clay_assets.mgrs import tile_centre_wgs84
from clay_assets.search import (
    DuckDBIndex,
    Index,
    PgvectorIndex,
    Query,
    build_duckdb,
    maintain_pgvector,
    measure_recall,
    sync_tile,
)
from clay_assets.store import Store
from clay_assets_tests.search.conftest import new_database
from clay_assets_tests.search.embedding_files import (
    MadeChip,
    answer_by_numpy,
    made_chips,
    metres_to,
    write_all,
)

SCORE = 1e-6
TILES = ("32VKM", "32VLM", "33VUG")
WIDTH = 24
LATS = st.floats(59, 62)
FEW = st.sampled_from([True, False, False])


@dataclass(frozen=True)
class Both:
    chips: list[MadeChip] = field(repr=False)
    duckdb: Index
    pgvector: Index
    url: str = ""


@contextmanager
def both_indexes(store: Store, url: str, chips: list[MadeChip]) -> Iterator[Both]:
    write_all(store, "clay", chips)
    build_duckdb(store, run_id="run")
    for tile in sorted({chip.mgrs for chip in chips}):
        sync_tile(url, store, "clay", tile, run_id="run")
    with DuckDBIndex(store) as duckdb, PgvectorIndex(url) as pgvector:
        yield Both(chips, duckdb, pgvector, url)


@pytest.fixture(scope="module")
def both(server_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """A few hundred chips; every fourth embedding is shared by four chips, so scores tie.

    Chips stand askew, so that many bounds meet a region that the footprint does not, and those of
    the last tile lie on both sides of the antimeridian.
    """
    folder = tmp_path_factory.mktemp("few")
    chips = [chip for tile in TILES for chip in made_chips(tile, 90, width=WIDTH)]
    chips = [replace(chip, footprint=_askew(chip)) for chip in chips]
    chips = [
        replace(chip, embedding=chips[number - number % 4].embedding) if number % 16 < 4 else chip
        for number, chip in enumerate(chips)
    ]
    store = Store(str(folder), folder / "cache")
    with new_database(server_url) as url, both_indexes(store, url, chips) as indexes:
        yield indexes


def _askew(chip: MadeChip) -> shapely.Geometry:
    turned = rotate(chip.footprint, 20)
    if chip.mgrs != TILES[-1]:
        return turned
    lon, _ = tile_centre_wgs84(chip.mgrs)
    return within_globe(translate(turned, xoff=179.5 - lon))


@pytest.fixture(scope="module")
def many(server_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """Enough chips for sketches."""
    folder = tmp_path_factory.mktemp("many")
    chips = [
        chip
        for tile, count in (("32VKM", 3_000), ("32VLM", 15_000), ("33VUG", 3_000))
        for chip in made_chips(tile, count, width=192, kinds=200)
    ]
    store = Store(str(folder), folder / "cache")
    with new_database(server_url) as url, both_indexes(store, url, chips) as indexes:
        yield indexes


@st.composite
def queries(draw: st.DrawFn) -> Query:
    count = len(TILES) * 90
    chips = [chip.chip_id for tile in TILES for chip in made_chips(tile, 90, width=WIDTH)]
    drawn = st.lists(st.integers(0, count - 1).map(chips.__getitem__), max_size=3, unique=True)
    lon, lat = draw(st.floats(8, 12) | st.floats(179, 180) | st.floats(-180, -179.5)), draw(LATS)
    days = sorted({chip.day for chip in made_chips(TILES[0], 3)})
    day = st.sampled_from([*days, *(other + timedelta(days=1) for other in days)])
    east = lon + draw(st.floats(0, 2))
    box = (lon, lat, east - 360 if east > 180 else east, lat + draw(st.floats(0, 1)))
    corners = st.lists(st.tuples(st.floats(0, 2), st.floats(0, 1)), min_size=3, max_size=6)
    area = shapely.MultiPoint([(lon + x, lat + y) for x, y in draw(corners)]).convex_hull
    circle = (lon, lat, draw(st.floats(100, 60_000)))
    vector = st.lists(st.floats(-1, 1, width=32), min_size=WIDTH, max_size=WIDTH)
    return Query(
        "clay",
        k=draw(st.integers(1, 300)),
        chip_id=draw(st.sampled_from(chips)),
        vector=draw(st.none() | vector.filter(lambda values: np.linalg.norm(values) > 1e-3)),
        positives=tuple(draw(drawn)),
        negatives=tuple(draw(drawn)),
        bbox_wgs84=draw(st.none() | st.just(box)),
        area=draw(st.just(area) if area.area > 1e-6 else st.none()) if draw(FEW) else None,
        circle=draw(st.just(circle)) if draw(FEW) else None,
        excluded=tuple(draw(drawn)),
        offset=draw(st.integers(0, 20)),
        dates=draw(st.none() | st.tuples(st.none() | day, st.none()) | st.tuples(st.none(), day)),
        mgrs=draw(st.none() | st.sampled_from(TILES)),
        max_cloud_share=draw(st.none() | st.sampled_from([0.0, 0.1, 0.2, 0.29])),
        min_score=draw(st.none() | st.floats(-0.5, 1).map(lambda score: round(score, 3))),
        include_query=draw(st.booleans()),
    )


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(query=queries())
def test_both_engines_answer_as_numpy_does(both: Both, query: Query) -> None:
    if query.circle is not None:  # numpy's distances are good to some metres
        lonlat, radius_m = query.circle[:2], query.circle[2]
        assume(all(abs(metres_to(chip.footprint, lonlat) - radius_m) > 5 for chip in both.chips))
    expected = answer_by_numpy(both.chips, query)
    for index in (both.duckdb, both.pgvector):
        hits = index.search(query)
        assert hits.exact
        assert hits.expected_recall == 1
        assert hits.frame["chip_id"].tolist() == [chip_id for chip_id, _ in expected]
        assert hits.frame["score"].tolist() == pytest.approx(
            [score for _, score in expected], abs=SCORE
        )
    found = [index.search(query).frame for index in (both.duckdb, both.pgvector)]
    pd.testing.assert_frame_equal(*found, check_exact=True)


def test_equal_scores_come_in_the_order_of_ids(both: Both) -> None:
    query = Query("clay", k=3, chip_id=both.chips[0].chip_id)
    for index in (both.duckdb, both.pgvector):
        frame = index.search(query).frame
        assert frame["score"].tolist() == [1.0, 1.0, 1.0]
        assert frame["chip_id"].tolist() == sorted(chip.chip_id for chip in both.chips[1:4])


def test_chips_equal_to_different_examples_tie(both: Both) -> None:
    """Their cosines to themselves differ in the last bit only."""
    some = [chip.chip_id for chip in both.chips[5:200:7]]
    query = Query("clay", k=len(some), positives=some, include_query=True)
    for index in (both.duckdb, both.pgvector):
        frame = index.search(query).frame
        assert set(frame["score"]) == {1.0}
        assert frame["chip_id"].tolist() == sorted(frame["chip_id"])


def test_a_score_of_exactly_the_least_is_enough(both: Both) -> None:
    query = Query("clay", k=30, chip_id=both.chips[0].chip_id)
    for index in (both.duckdb, both.pgvector):
        frame = index.search(query).frame
        least = float(frame["score"].iloc[12])
        kept = index.search(replace(query, min_score=least)).frame
        assert kept["chip_id"].tolist() == frame["chip_id"].tolist()[:13]


def test_chips_too_alike_for_float32_come_in_true_order(store: Store, database_url: str) -> None:
    """500 chips, as over open sea: an engine's own scores cannot tell the best 20 from the rest."""
    rng = np.random.default_rng(0)
    chips = [
        replace(chip, embedding=1 + 1e-4 * rng.normal(size=8))
        for chip in made_chips("32VKM", 500, width=8)
    ]
    query = Query("clay", k=20, vector=[1] * 8)
    expected = [chip_id for chip_id, _ in answer_by_numpy(chips, query)]
    with both_indexes(store, database_url, chips) as indexes:
        for index in (indexes.duckdb, indexes.pgvector):
            assert index.search(query).frame["chip_id"].tolist() == expected


def test_nearest_place_is_the_clearest_then_the_latest_chip(both: Both) -> None:
    places = [both.chips[first : first + 3] for first in range(3, 90, 3)]  # three dates each
    kinds = set()
    for place in places:
        # Unknown cloud comes last.
        cloud = [2 if chip.cloud_share is None else chip.cloud_share for chip in place]
        best = max(number for number in range(3) if cloud[number] == min(cloud))
        kinds.add((best, min(cloud) == cloud[2]))
        over = place[0].footprint.centroid
        for index in (both.duckdb, both.pgvector):
            hits = index.search(Query("clay", lonlat=(over.x, over.y)))
            assert hits.query_chips == (place[best].chip_id,)
    assert len(kinds) > 2  # the clearest is the first, the second or the last


def test_hits_tell_all_of_a_chip(both: Both) -> None:
    chip = both.chips[11]
    for index in (both.duckdb, both.pgvector):
        frame = index.chips("clay", [chip.chip_id])
        assert frame.crs == "OGC:CRS84"
        row = frame.iloc[0]
        assert (row.chip_id, row.mgrs, row.date, row["product"]) == (
            chip.chip_id,
            chip.mgrs,
            chip.day,
            "clay",
        )
        assert row.source_url == f"chips/{chip.mgrs}/{chip.chip_id}.tif"
        assert shapely.equals_exact(row.geometry, chip.footprint)
        assert np.isnan(row.cloud_share)  # every eleventh is unknown


def test_all_chips_are_listed(both: Both) -> None:
    for index in (both.duckdb, both.pgvector):
        listed = index.chips("clay")
        assert list(listed.columns) == [
            *("id", "chip_id", "mgrs", "date", "cloud_share", "source_url", "product", "geometry")
        ]
        assert listed["chip_id"].tolist() == sorted(chip.chip_id for chip in both.chips)
        (product,) = index.products()
        assert (product.product, product.rows, product.tiles) == ("clay", 270, 3)
        assert (product.checkpoint_id, product.width) == ("ab12", WIDTH)


def test_samples_are_the_same_in_both_engines(both: Both) -> None:
    drawn = [index.sample("clay", 7, seed=3) for index in (both.duckdb, both.pgvector)]
    assert len(drawn[0]) == 7
    pd.testing.assert_frame_equal(*drawn)
    assert set(drawn[0]["chip_id"]) != set(both.duckdb.sample("clay", 7, seed=4)["chip_id"])


@pytest.mark.parametrize(
    ("query", "error", "message"),
    [
        (Query("other", chip_id="x"), NotFoundError, "no product 'other' .* it holds clay;"),
        (Query("clay", chip_id="x"), NotFoundError, "no chip 'x' in product 'clay' .* 270 chips"),
        (
            Query("clay", vector=[1, 2]),
            SearchError,
            r"vector must have 24 numbers, .* \(checkpoint ab12\), got 2",
        ),
        (
            Query("clay", lonlat=(0.5, 10)),
            NotFoundError,
            r"no chip of product 'clay' covers lon 0\.5, lat 10\.0; it holds 270 chips of 3 tiles",
        ),
    ],
)
def test_questions_without_answer_say_why(
    both: Both, query: Query, error: type[Exception], message: str
) -> None:
    for index in (both.duckdb, both.pgvector):
        with pytest.raises(error, match=message):
            index.search(query)


def test_boxes_and_places_work_across_the_antimeridian(store: Store, database_url: str) -> None:
    east_side = shapely.box(179.9, 0.0, 179.94, 0.04)
    west_side = shapely.box(-179.94, 0.0, -179.9, 0.04)
    across = shapely.MultiPolygon(
        [shapely.box(179.98, 0.0, 180.0, 0.04), shapely.box(-180.0, 0.0, -179.98, 0.04)]
    )
    chips = [
        replace(chip, footprint=footprint, cloud_share=0.0)
        for chip, footprint in zip(
            made_chips("01NAA", 3, width=8), (east_side, west_side, across), strict=True
        )
    ]
    east, west, both_sides = (chip.chip_id for chip in chips)
    with both_indexes(store, database_url, chips) as indexes:
        for index in (indexes.duckdb, indexes.pgvector):

            def inside(*box: float, index: Index = index) -> set[str]:
                query = Query("clay", vector=[1] * 8, bbox_wgs84=box)
                return set(index.search(query).frame["chip_id"])

            assert inside(179.8, -1, 180, 1) == {east, both_sides}
            assert inside(-180, -1, -179.8, 1) == {west, both_sides}
            assert inside(179.8, -1, -179.8, 1) == {east, west, both_sides}
            assert inside(179.8, -1, -179.95, 1) == {east, both_sides}
            assert inside(-180, -1, 180, 1) == {east, west, both_sides}
            assert inside(-170, -1, 170, 1) == set()
            for lon in (179.99, -179.99):
                hits = index.search(Query("clay", lonlat=(lon, 0.02)))
                assert hits.query_chips == (both_sides,)


def test_pages_follow_each_other_without_gap_or_repeat(both: Both) -> None:
    whole = Query("clay", k=60, chip_id=both.chips[0].chip_id, mgrs=TILES[1])
    for index in (both.duckdb, both.pgvector):
        pages = [
            index.search(replace(whole, k=25, offset=offset)).frame for offset in (0, 25, 50, 75)
        ]
        found = [one for page in pages for one in page["id"]]
        assert [len(page) for page in pages] == [25, 25, 25, 15]  # the tile has 90
        assert found[:60] == index.search(whole).frame["id"].tolist()


def test_linear_modes_look_in_the_direction_of_their_formula(both: Both) -> None:
    some = [both.chips[number].chip_id for number in (4, 40, 90, 7, 130)]
    query = Query("clay", k=20, positives=some[:3], negatives=some[3:], mode="mean")
    _, unit = both.duckdb.vectors("clay", some)
    drawn = both.duckdb.sample("clay", 1_000)["id"]
    _, others = both.duckdb.vectors("clay", [one for one in drawn if one not in some])
    ridge = Ridge(alpha=0.01, fit_intercept=False)
    ridge.fit(np.concatenate([unit, others]).astype(np.float64), [1] * 3 + [0] * (2 + len(others)))
    for mode, direction in {
        "mean": unit[:3].mean(axis=0) - 0.5 * unit[3:].mean(axis=0),
        "rocchio": unit[:3].mean(axis=0) - 0.25 * unit[3:].mean(axis=0),
        "ridge": ridge.coef_,
    }.items():
        wanted = Query("clay", k=25, vector=direction, include_query=True)
        expected = [hit for hit in answer_by_numpy(both.chips, wanted) if hit[0] not in some]
        frames = [
            index.search(replace(query, mode=mode)).frame for index in (both.duckdb, both.pgvector)
        ]
        pd.testing.assert_frame_equal(*frames)
        assert frames[0]["id"].tolist() == [chip_id for chip_id, _ in expected][:20]
        scores = [score for _, score in expected][:20]
        assert frames[0]["score"].tolist() == pytest.approx(scores, abs=1e-5)


def test_examples_that_cancel_each_other_out_are_refused(both: Both) -> None:
    same = both.chips[0].embedding
    query = Query("clay", vector=same, negatives=[both.chips[0].chip_id], mode="mean")
    assert len(both.duckdb.search(query).frame) == 10  # half of it is left
    opposite = Query("clay", positives=[both.chips[0].chip_id], vector=-same, mode="rocchio")
    with pytest.raises(SearchError, match=r"mode 'rocchio' cancel .* \(2 positives, 0 negatives\)"):
        both.duckdb.search(opposite)


def test_vectors_come_as_named_or_all(both: Both) -> None:
    some = [both.chips[number].chip_id for number in (9, 3, 200)]
    for index in (both.duckdb, both.pgvector):
        ids, vectors = index.vectors("clay", some)
        assert ids.tolist() == some
        for row, number in zip(vectors, (9, 3, 200), strict=True):
            unit = both.chips[number].embedding / np.linalg.norm(both.chips[number].embedding)
            assert row == pytest.approx(unit, abs=1e-6)
        every, all_vectors = index.vectors("clay")
        assert set(every) == {chip.chip_id for chip in both.chips}
        assert all_vectors.shape == (270, WIDTH)
        with pytest.raises(NotFoundError, match="no chip 'x' in product 'clay'"):
            index.vectors("clay", ["x"])


def test_a_server_that_goes_away_in_mid_query_is_said_and_the_next_query_works(both: Both) -> None:
    query = Query("clay", chip_id=both.chips[0].chip_id)
    expected = both.pgvector.search(query).frame

    def cut_off_in_mid_query() -> None:
        with both.pgvector.reading() as tables, psycopg.connect(both.url) as other:
            (product,) = tables.products()
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            tables.count(product, "TRUE", {}, most=10)

    with pytest.raises(DatabaseError, match=r"PostgreSQL at .* broke off: .*run again"):
        cut_off_in_mid_query()
    pd.testing.assert_frame_equal(both.pgvector.search(query).frame, expected)


def test_sketches_find_the_true_neighbours(many: Both) -> None:
    for index in (many.duckdb, many.pgvector):
        recall = measure_recall(index, "clay", reference=many.duckdb, samples=40)
        assert recall.recall >= 0.99
        assert recall.exact_share <= 0.5  # every other is filtered to a tile of 3,000 or 15,000
        assert recall.score_difference < SCORE


def test_sketched_answers_are_the_same_in_both_engines(many: Both) -> None:
    some = [chip.chip_id for chip in many.chips[::1500]]
    sketched = [
        Query("clay", k=50, chip_id=some[0]),
        Query("clay", k=10, positives=some[:3], negatives=some[3:5]),
        Query("clay", k=10, vector=np.linspace(-1, 1, 192), max_cloud_share=0.28),
    ]
    for query in sketched:
        found = [index.search(query) for index in (many.duckdb, many.pgvector)]
        assert not any(hits.exact for hits in found)
        pd.testing.assert_frame_equal(found[0].frame, found[1].frame)
        expected = answer_by_numpy(many.chips, query)
        assert found[0].frame["chip_id"].tolist() == [chip_id for chip_id, _ in expected]


def test_directions_are_found_by_sketch_too(many: Both) -> None:
    some = [chip.chip_id for chip in many.chips[::1500]]
    for mode in ("mean", "rocchio", "ridge"):
        query = Query("clay", k=20, positives=some[:4], negatives=some[4:7], mode=mode)
        for index in (many.duckdb, many.pgvector):
            found, true = index.search(query), index.search(query, exact=True)
            assert (found.how, true.how) == ("sketch", "exact")
            assert len(set(found.frame["id"]) & set(true.frame["id"])) >= 19


def test_as_many_hits_as_asked_for_even_when_a_sketch_proposes_fewer(many: Both) -> None:
    for index in (many.duckdb, many.pgvector):
        hits = index.search(Query("clay", k=6_000, chip_id=many.chips[0].chip_id))
        assert len(hits.frame) == 6_000
        few = index.search(Query("clay", k=9, chip_id=many.chips[0].chip_id), exact=True)
        assert few.exact
        assert few.frame["chip_id"].tolist() == hits.frame["chip_id"].tolist()[:9]


def test_few_rows_are_scored_where_the_hits_stand_out_and_more_where_they_do_not(
    store: Store, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each kind of chip is in two tiles of four: elsewhere all rows are about equally far."""
    monkeypatch.setattr("clay_assets.search.centre.SKETCH_MIN_ROWS", 100)
    monkeypatch.setattr("clay_assets.search.plan.EXACT_MAX_ROWS", 99)
    monkeypatch.setattr("clay_assets.search.sketch_recall.LEAST_RERANK_HARD", 75)
    rng = np.random.default_rng(5)
    kinds = rng.normal(size=(40, 160))
    chips = []
    tiles = (*TILES, "33VVG")
    for place, tile in enumerate(tiles):
        of_tile = [kind for kind in range(40) if (place - kind) % 4 < 2]
        for number, chip in enumerate(made_chips(tile, 320, width=160)):
            near = kinds[of_tile[number % 20]] + rng.normal(size=160) / 10
            chips.append(replace(chip, embedding=near))
    near, far = (Query("clay", 5, chips[0].chip_id, mgrs=tile) for tile in tiles[1:3])
    with both_indexes(store, database_url, chips) as both:
        maintain_pgvector(database_url, "clay")
        for index in (both.duckdb, both.pgvector):
            (ten,) = (one for one in index.products()[0].reranks if one.is_hard and one.k == 10)
            assert ten.first < ten.rows
            assert ten.recall >= 0.99
            for query, how in ((near, "sketch"), (far, "exact")):
                hits, expected = index.search(query), answer_by_numpy(chips, query)
                assert (hits.how, hits.expected_recall) == (how, ten.recall if query is near else 1)
                assert hits.frame["id"].tolist() == [chip_id for chip_id, _ in expected]


def test_vectors_of_the_last_layers_are_answered_by_both_engines(
    store: Store, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """8,192 numbers: class token and mean of the last four layers of a ViT-L."""
    monkeypatch.setattr("clay_assets.search.centre.SKETCH_MIN_ROWS", 100)
    monkeypatch.setattr("clay_assets.search.plan.EXACT_MAX_ROWS", 99)
    monkeypatch.setattr("clay_assets.search.plan.LEAST_RERANK_HARD", 20)
    monkeypatch.setattr("clay_assets.search.plan._UNMEASURED_PER_HIT", 10)
    monkeypatch.setattr("clay_assets.search.sketch_recall.LEAST_RERANK", 20)
    chips = made_chips("32VKM", 150, width=8192, kinds=10)
    query = Query("clay", chip_id=chips[7].chip_id, k=2)
    expected = answer_by_numpy(chips, query)
    with both_indexes(store, database_url, chips) as both:
        for index in (both.duckdb, both.pgvector):
            hits = index.search(query)
            assert not hits.exact  # by sketches of 8,192 bits, then by the vectors
            assert hits.frame["chip_id"].tolist() == [chip_id for chip_id, _ in expected]
            assert hits.frame["score"].tolist() == pytest.approx(
                [score for _, score in expected], abs=SCORE
            )
