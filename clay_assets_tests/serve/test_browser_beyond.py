"""What lies beyond neighbours, in a real browser: classes, change, clusters, colours, outliers."""

from playwright.sync_api import Page, expect

from clay_assets_tests.serve.browsing import PATIENCE, needs_chromium, open_page, point_of

pytestmark = needs_chromium


def count_shown(page: Page) -> int:
    expect(page.locator("#beyond-count b")).to_be_visible()
    return int(page.locator("#beyond-count b").inner_text().split()[0])


def expect_polygons(page: Page, source: str, number: int) -> None:
    """Wait until a mode has laid this many features over the map, which follows a slider late."""
    page.wait_for_function(
        """([name, number]) => {
            const drawn = claySearch.map.getStyle().sources[name]?.data;
            return (drawn?.features.length ?? 0) === number;
        }""",
        arg=[source, number],
        timeout=PATIENCE,
    )


def colours(page: Page, source: str) -> set[str]:
    """Colours of the features of a source, as they are drawn."""
    return set(
        page.evaluate(
            "(name) => claySearch.map.getStyle().sources[name].data.features"
            ".map(({ properties }) => properties.colour)",
            source,
        )
    )


def test_marks_teach_a_classifier_whose_confidence_is_chosen(page, address):
    open_page(page, address, "?mode=classify")
    learn = page.get_by_role("button", name="Learn")
    expect(learn).to_be_disabled()
    for number in (1, 2, 5):
        page.mouse.click(*point_of(page, number))
    page.keyboard.down("Shift")
    for number in (12, 15, 16):
        page.mouse.click(*point_of(page, number))
    page.keyboard.up("Shift")
    expect(page.locator(".mark")).to_have_count(6)
    learn.click()
    confidence = page.locator("#confidence")
    confidence.fill("0")
    rows = page.evaluate("claySearch.store.get().products[0].chips")
    assert count_shown(page) == rows
    places = page.evaluate("claySearch.store.get().places.length")
    expect_polygons(page, "predictions", places)
    assert colours(page, "predictions") == colours(page, "marks")
    each = [int(text) for text in page.locator(".class-choice b").all_inner_texts()]
    assert sum(each) == rows
    page.locator(".class-choice").first.click()
    assert count_shown(page) == each[0]
    page.locator(".class-choice").first.click()
    confidence.fill("0.99")
    assert count_shown(page) < rows
    page.get_by_role("tab", name="Similar").click()
    expect_polygons(page, "predictions", 0)


def test_change_and_the_other_lenses_each_show_their_answer(page, address):
    open_page(page, address, "?mode=change")
    expect(page.locator(".pair-open .picture.loaded").first).to_be_visible()
    distances = [float(text) for text in page.locator(".pair-open b").all_inner_texts()]
    assert distances == sorted(distances, reverse=True)
    found = count_shown(page)
    expect_polygons(page, "beyond-areas", found)
    page.locator("#beyond-least").fill("0.5")
    assert count_shown(page) == sum(distance >= 0.5 for distance in distances) < found
    expect_polygons(page, "beyond-areas", count_shown(page))

    def choose(lens: str) -> None:
        page.get_by_role("radio", name=lens).check()

    choose("Clusters")
    expect(page.locator(".kinds li")).to_have_count(8)
    expect_polygons(page, "beyond-areas", 0)
    page.locator("#beyond-clusters").fill("3")
    expect(page.locator(".kinds li")).to_have_count(3)
    tile = page.evaluate("claySearch.store.get().products[0].tiles[0]")
    overlay = "(name) => Boolean(claySearch.map.getLayer(name))"
    page.wait_for_function(overlay, arg=f"overlay-{tile}", timeout=PATIENCE)
    choose("Colours")
    expect(page.get_by_text("of the variance")).to_be_visible()
    choose("Outliers")
    expect(page.get_by_text("The strangest of")).to_be_visible()
    expect(page.locator(".beyond-result .card").first).to_be_visible()
    page.wait_for_function(f"!({overlay})('overlay-{tile}')", timeout=PATIENCE)
