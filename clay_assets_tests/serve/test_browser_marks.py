"""Marks, their sets, files and pictures on the search page, as people use them."""

import json
import re
from pathlib import Path

import geopandas as gpd
import pandas as pd
from playwright.sync_api import expect

from clay_assets_tests.serve.browsing import (
    HITS,
    ask,
    ids_of_hits,
    mark,
    marks,
    needs_chromium,
    open_page,
    point_of,
    refine,
)
from clay_assets_tests.serve.conftest import Installation

pytestmark = needs_chromium


def test_marks_refine_the_search_and_a_shared_address_repeats_it(page, address):
    open_page(page, address)
    ask(page, 6)
    before = ids_of_hits(page)
    liked, disliked = mark(page, 2, "p"), mark(page, 5, "n")
    expect(page.locator(".labels-head h3")).to_have_text("2 marks")
    expect(page.locator("#refine")).to_have_text("Refine with 1 more like, 1 less like")
    assert ids_of_hits(page) == before  # nothing moves under the reader's hand
    refine(page)
    after = ids_of_hits(page)
    assert {liked, disliked}.isdisjoint(after)
    assert after != before
    expect(page.locator(".asked-marks")).to_have_text("and 1 mark like it, 1 mark unlike it")
    page.goto(page.url)
    expect(page.locator(".mark")).to_have_count(2)
    expect(page.locator(".card")).to_have_count(len(after))
    assert ids_of_hits(page) == after


def test_a_lasso_marks_many_places_and_every_step_can_be_taken_back(page, address):
    open_page(page, address)
    page.keyboard.press("l")

    def draw_around(first: int, last: int) -> None:
        (x0, y0), (x1, y1) = point_of(page, first), point_of(page, last)
        page.mouse.move(x0 - 20, y0 - 20)
        page.mouse.down()
        for x, y in ((x1 + 20, y0 - 20), (x1 + 20, y1 + 20), (x0 - 20, y1 + 20)):
            page.mouse.move(x, y, steps=4)
        page.mouse.up()

    draw_around(1, 6)  # two by two places
    expect(page.locator(".mark")).to_have_count(4)
    page.keyboard.down("Shift")
    draw_around(11, 16)
    page.keyboard.up("Shift")
    expect(page.locator(".mark")).to_have_count(8)
    assert [name for _, name in marks(page)] == ["positive"] * 4 + ["negative"] * 4
    page.keyboard.press("Control+z")
    expect(page.locator(".mark")).to_have_count(4)
    page.keyboard.press("Control+Shift+z")
    expect(page.locator(".mark")).to_have_count(8)
    page.locator("#refine").click()
    expect(page.locator(".card").first).to_be_visible()
    assert {id_ for id_, _ in marks(page)}.isdisjoint(ids_of_hits(page))


def test_a_new_question_puts_marks_away_and_undo_brings_both_back(page, address):
    open_page(page, address)
    ask(page, 6)
    mark(page, 1, "p")
    refine(page)
    hits, asked = ids_of_hits(page), page.locator(".asked h2").inner_text()
    page.mouse.click(*point_of(page, 16))
    expect(page.locator(".asked h2")).to_have_text("32TPT № 16")
    expect(page.locator(".mark")).to_have_count(0)
    page.locator("#toast-undo").click()
    expect(page.locator(".asked h2")).to_have_text(asked)
    expect(page.locator(".mark")).to_have_count(1)
    expect(page.locator("#results:not(.stale)")).to_be_visible()
    assert ids_of_hits(page) == hits


def test_hits_are_sorted_by_day_cloud_and_likeness(page, address):
    open_page(page, address, "?dates=all&k=24")
    ask(page, 6)
    told = page.evaluate(
        "Object.fromEntries(claySearch.store.get().answer.features.map(({ properties: hit }) =>"
        " [hit.chip_id, [hit.date, hit.cloud_share, hit.rank]]))"
    )
    order = page.get_by_label("Order of the hits")
    for choice, column, falls in (("newest", 0, True), ("cloud", 1, False), ("score", 2, False)):
        order.select_option(choice)
        values = [told[id_][column] for id_ in ids_of_hits(page)]
        assert values == sorted(values, reverse=falls)


def test_the_sliders_set_how_many_hits_there_are_and_how_alike(page, address):
    open_page(page, address)
    ask(page, 6)
    page.locator("#k").focus()
    page.keyboard.press("ArrowLeft")  # from 12 to 6
    expect(page.locator(".card")).to_have_count(6)
    scores = page.evaluate(
        "claySearch.store.get().answer.features.map(({ properties }) => properties.score)"
    )
    least = page.get_by_label("At least")
    least.fill("50")
    pill = page.get_by_role("button", name="Remove: score ≥")
    expect(pill).to_be_visible()
    middle = (min(scores) + max(scores)) / 2
    expect(page.locator(".card")).to_have_count(sum(score >= middle for score in scores))
    pill.click()
    expect(page.locator(".card")).to_have_count(6)
    expect(least).to_have_value("0")


def test_hits_are_saved_as_files_that_other_programs_read(page, address, tmp_path):
    open_page(page, address)
    ask(page, 6)
    shown = ids_of_hits(page)
    files = {}
    for kind in ("geojson", "csv", "parquet"):
        page.get_by_label("Save the hits as a file").click()
        with page.expect_download() as download:
            page.locator(f"#export-{kind}").click()
        files[kind] = tmp_path / download.value.suggested_filename
        download.value.save_as(files[kind])
    assert gpd.read_file(files["geojson"])["chip_id"].tolist() == shown
    assert pd.read_csv(files["csv"])["chip_id"].tolist() == shown
    saved = gpd.read_parquet(files["parquet"])
    assert saved["chip_id"].tolist() == shown
    assert saved.crs.to_authority() == ("OGC", "CRS84")


def test_a_label_set_is_kept_shared_by_address_and_never_overwritten_unseen(
    page, browser, address, tmp_path
):
    open_page(page, address)
    ask(page, 6)
    expected = [(mark(page, 1, "p"), "positive"), (mark(page, 4, "n"), "negative")]
    page.get_by_role("button", name="Label sets").click()
    page.get_by_label("Name of the label set").fill("lakes")
    page.get_by_role("button", name="Save 2 marks").click()
    expect(page.locator(".set-open b")).to_have_text("lakes")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save GeoJSON").click()
    file = tmp_path / "lakes.geojson"
    download.value.save_as(file)
    assert len(gpd.read_file(file)) == 2
    assert re.search(r"[?&]labels=lakes\b", page.url)

    other = browser.new_page()
    other.goto(page.url)
    expect(other.locator(".mark")).to_have_count(2)
    assert marks(other) == expected
    other.locator(".mark-remove").last.click(force=True)
    other.get_by_role("button", name="Label sets").click()
    other.get_by_role("button", name="Save 1 mark").click()
    expect(other.locator("#toast")).to_contain_text("Saved as “lakes”")
    other.close()

    page.get_by_role("button", name="Save 2 marks").click()  # of the version before
    expect(page.locator("#toast")).to_contain_text("lakes")
    expect(page.locator("#toast")).not_to_contain_text("Saved as")
    page.keyboard.press("Escape")

    page.locator("#labels-clear").click()
    page.get_by_role("button", name="Label sets").click()
    page.locator("#sets-file").set_input_files(file)
    page.keyboard.press("Escape")
    expect(page.locator(".mark")).to_have_count(2)
    assert marks(page) == expected


def test_a_file_that_is_no_label_set_is_told(page, address, tmp_path):
    open_page(page, address)
    file = tmp_path / "other.geojson"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": [{"properties": {}}]}))
    page.get_by_role("button", name="Label sets").click()
    page.locator("#sets-file").set_input_files(file)
    expect(page.locator("#toast")).to_contain_text("Feature 1 has no id or no class")


def chip_file(installation: Installation, ending: str) -> Path:
    (found,) = Path(installation.settings.store.root).rglob(f"claytile_*{ending}.tif")
    return found


def test_a_chip_that_is_uploaded_finds_itself(page, address, installation):
    open_page(page, address)
    file = chip_file(installation, "20210828_v10_0006")
    page.locator("#upload-file").set_input_files(file)
    expect(page.locator(".asked h2")).to_have_text(file.name)
    expect(page.locator(".card").first.locator(".source")).to_have_text("32TPT № 6")
    expect(page.locator(".card").first.locator(".score")).to_have_text(re.compile(r"^1\.0+$"))


def test_a_phone_shows_map_and_hits_without_scrolling_sideways(browser, address) -> None:
    page = browser.new_page(
        viewport={"width": 390, "height": 844}, has_touch=True, reduced_motion="reduce"
    )
    open_page(page, address)
    page.touchscreen.tap(*point_of(page, 6))
    expect(page.locator(".card")).to_have_count(HITS)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("button", name="More like rank 1", exact=True).tap()
    expect(page.locator(".mark")).to_have_count(1)
    panel = page.locator(".panel")
    height = panel.bounding_box()["height"]
    page.get_by_label("Change the panel's height").tap()
    expect(page.locator("body")).to_have_attribute("data-sheet", "tall")
    page.wait_for_timeout(400)  # it slides up
    assert panel.bounding_box()["height"] > 1.3 * height
    page.close()
