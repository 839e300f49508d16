"""The search page in a real browser: clicks, and what appears."""

from dataclasses import replace

from playwright.sync_api import expect

from clay_assets.serve import create_app
from clay_assets.settings import Settings
from clay_assets_tests.serve.browsing import (
    HITS,
    ask,
    needs_chromium,
    open_page,
    places_lit,
    places_of_hits,
    point_of,
    serving,
)
from clay_assets_tests.serve.conftest import DAGSTER_URL, RUN_ID

pytestmark = needs_chromium


def test_a_click_on_a_chip_lights_up_its_neighbours_and_shows_their_pictures(page, address):
    open_page(page, address)
    expect(page.get_by_text("Where else does it look like this?")).to_be_visible()
    page.mouse.click(*point_of(page, 6))
    cards = page.locator(".card")
    expect(cards).to_have_count(HITS)
    expect(page.get_by_role("heading", name=f"{HITS} hits")).to_be_visible()
    expect(page.locator(".asked h2")).to_have_text("32TPT № 6")
    expect(cards.first.locator(".date")).to_contain_text("2021")
    expect(cards.first.locator(".source")).to_contain_text("32TPT №")
    scores = [float(text) for text in page.locator(".score").all_text_contents()]
    assert scores == sorted(scores, reverse=True)
    expect(page.locator(".card .picture.loaded")).to_have_count(HITS)
    assert places_lit(page) == places_of_hits(page)
    assert len(places_lit(page)) == HITS


def test_a_hit_opens_with_its_way_back_and_its_run_in_dagster(page, address):
    open_page(page, address)
    ask(page, 6)
    page.locator("#hit-2").click()
    expect(page.locator(".details .pictures .picture.loaded")).to_have_count(2)
    expect(page.locator(".way-back .step")).to_contain_text(
        ["Embedding", "Checkpoint", "Chip", "Scenes", "Imagery"]
    )
    expect(page.locator(".way-back")).to_contain_text("S2A_MSIL2A_2021")
    run = page.locator(".way-back a").first
    expect(run).to_have_attribute("href", f"{DAGSTER_URL}/runs/{RUN_ID}")
    page.get_by_role("button", name="Back to the hits").click()
    expect(page.locator("#hit-2")).to_be_focused()


def test_a_hit_can_be_asked_about_in_turn_and_back_returns(page, address):
    open_page(page, address)
    ask(page, 1)
    first_asked = page.locator(".asked h2").inner_text()
    wanted = page.locator("#hit-1 .source").inner_text()
    page.locator(".card").first.hover()
    page.get_by_role("button", name="Find chips like rank 1", exact=True).click()
    expect(page.locator(".asked h2")).to_have_text(wanted)
    page.go_back()
    expect(page.locator(".asked h2")).to_have_text(first_asked)
    expect(page.locator(".card")).to_have_count(HITS)


def test_an_address_shows_the_same_search_again(page, address):
    open_page(page, address)
    ask(page, 9)
    page.keyboard.press("f")
    page.locator("#k").fill("0")  # the slider's first step: 6
    expect(page.locator(".card")).to_have_count(6)
    hits = page.locator(".card-words").all_text_contents()
    page.goto(page.url)
    expect(page.locator(".card")).to_have_count(6)
    assert page.locator(".card-words").all_text_contents() == hits


def test_a_drawn_box_limits_the_hits_until_its_pill_is_removed(page, address):
    open_page(page, address)
    ask(page, 16)
    page.keyboard.press("f")
    page.get_by_role("button", name="Draw a box").click()
    page.mouse.move(*point_of(page, 1))
    page.mouse.down()
    page.mouse.move(*point_of(page, 4), steps=3)
    page.mouse.move(*point_of(page, 6), steps=3)
    page.mouse.up()
    expect(page.locator(".card")).to_have_count(4)  # two by two places
    names = page.locator(".source").all_text_contents()
    assert sorted(names) == ["32TPT № 1", "32TPT № 2", "32TPT № 5", "32TPT № 6"]
    page.get_by_role("button", name="Remove: in a box").click()
    expect(page.locator(".card")).to_have_count(HITS)


def test_a_day_can_be_typed_and_taken_back(page, address):
    open_page(page, address)
    ask(page, 6)
    page.keyboard.press("f")
    since = page.get_by_label("Not before")
    since.click(position={"x": 12, "y": 12})
    page.keyboard.type("10222021", delay=30)  # in the order of --lang
    expect(page.get_by_role("button", name="Remove: from 22 Oct 2021")).to_be_visible()
    expect(since).to_be_focused()
    days = page.locator(".card .date")
    expect(days.first).to_have_text("22 Oct 2021")
    assert set(days.all_text_contents()) == {"22 Oct 2021"}
    page.get_by_role("button", name="Remove: from 22 Oct 2021").click()
    expect(since).to_have_value("")


def test_filters_that_leave_nothing_offer_a_way_out(page, address):
    open_page(page, address, "?since=2099-01-01")
    page.mouse.click(*point_of(page, 6))
    expect(page.get_by_role("heading", name="Nothing fits")).to_be_visible()
    page.get_by_role("button", name="Clear the filters").click()
    expect(page.locator(".card")).to_have_count(HITS)


def test_the_keyboard_alone_is_enough(page, address):
    open_page(page, address)
    page.keyboard.press("/")
    page.keyboard.type("20210828_v10_0006")
    page.keyboard.press("Enter")
    expect(page.locator(".card")).to_have_count(HITS)
    page.locator("#hit-1").focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator("#hit-4")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".details")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#hit-4")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_text("Where else does it look like this?")).to_be_visible()


def test_a_place_typed_as_latitude_and_longitude_is_asked_about(page, address):
    open_page(page, address)
    lon, lat = page.evaluate("claySearch.map.getCenter().toArray()")
    page.locator("#ask-input").fill(f"{lat}, {lon}")
    page.keyboard.press("Enter")
    expect(page.locator(".card")).to_have_count(HITS)
    page.locator("#ask-input").fill("no such chip")
    page.keyboard.press("Enter")
    expect(page.locator("#ask-error")).to_have_text("No chip has “no such chip” in its id.")


def test_the_theme_is_kept(page, address):
    open_page(page, address)
    page.get_by_role("button", name="Change to the dark theme").click()
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_every_request_goes_to_the_server_itself(page, address):
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    open_page(page, address)
    ask(page, 3)
    own = (address, "blob:", "data:")
    assert requests
    assert [url for url in requests if not url.startswith(own)] == []


def test_nothing_to_search_yet_says_what_to_run(page, tmp_path):
    settings = Settings.from_environment({"CLAY_HOME": str(tmp_path)})
    with serving(create_app(settings)) as address:
        open_page(page, address)
        expect(page.get_by_role("heading", name="Nothing to search yet")).to_be_visible()
        expect(page.get_by_text("clay-assets demo")).to_be_visible()


def test_a_database_that_is_down_is_told_with_the_way_out(page, installation):
    url = "postgresql://someone:secret@127.0.0.1:1/clay"
    settings = replace(installation.settings, postgres_url=url)
    with serving(create_app(settings)) as address:
        open_page(page, address, "?engine=pgvector")
        page.mouse.click(*point_of(page, 6))
        alert = page.get_by_role("alert").filter(has_text="127.0.0.1")
        expect(alert).to_contain_text("choose the engine duckdb")
        expect(alert).not_to_contain_text("secret")
        page.keyboard.press("f")
        page.get_by_role("radio", name="DuckDB").check()
        expect(page.locator(".card")).to_have_count(HITS)


def test_a_server_that_stops_is_told_and_tried_again(page, address):
    open_page(page, address)
    page.route("**/api/search*", lambda route: route.abort())
    page.mouse.click(*point_of(page, 6))
    expect(page.locator(".failure")).to_contain_text("The server does not answer.")
    page.unroute("**/api/search*")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".card")).to_have_count(HITS)
