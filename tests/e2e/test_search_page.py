"""The search page in a real browser over a real service: what people do there, by mouse, by keyboard, on a phone."""

import base64
import os
import shutil
import time
from collections.abc import Callable, Iterator
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from PIL import Image

from tests.conftest import SAMPLE, Service, search_app, start_service
from tests.e2e.test_judging_round import CHROMIUM, QUIET, wait_for

LITE = {"SEARCH_MODEL": "lite", "SEARCH_WORDS": "on"}
FOLDERS = ("cars", "coffee", "drinks", "garden", "music", "pets")
READ = "coffee"
"""The folder in which print is read; the other pictures have a file of words beside them, which is quick."""
TILES = ".tile[data-id]"
NEAR = f"#grid {TILES}"
NO_PICTURE = "text=test_search_page.py is not a picture."
FAR = f"#far {TILES}"
DESKTOP = {"width": 1280, "height": 850}
PHONE = {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an indexed collection: some of the sample, one picture of it a second time in another size."""
    home = tmp_path_factory.mktemp("page")
    for name in FOLDERS:
        shutil.copytree(SAMPLE / name, home / "pictures" / name)
    for path in (home / "pictures").glob("*/*"):
        if path.parent.name != READ:
            path.with_suffix(".txt").write_text(path.stem.replace("-", " "), "utf-8")
    with Image.open(home / "pictures" / "cars" / "crimson-coupe.jpg") as picture:
        picture.resize((picture.width // 2, picture.height // 2)).save(home / "pictures" / "cars" / "small-coupe.png")
    (home / "pictures" / "cars" / "small-coupe.txt").write_text("crimson coupe", "utf-8")
    done = search_app("index", "pictures", cwd=home, env=LITE)
    assert done.status == 0, done.err
    return home


@pytest.fixture(scope="module")
def service(home: Path) -> Iterator[Service]:
    service = start_service(home, LITE)
    # The sentence model opens with the first question.
    service.client.post("/search", json={"query": "warm"}).raise_for_status()
    yield service
    service.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=QUIET, env={**os.environ})
        yield browser
        browser.close()


class Finder:
    """Somebody in front of the page; whatever the browser complains about is kept."""

    def __init__(self, context: Any) -> None:
        self.page = context.new_page()
        self.page.set_default_timeout(60_000)
        self.complaints: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda told: self.complaints.append(told.text) if told.type == "error" else None)

    def open(self, address: str) -> None:
        self.page.goto(address)
        if "?" in address:
            self.page.wait_for_selector(TILES)

    def type(self, words: str) -> None:
        self.page.click("#query")
        self.page.keyboard.type(words)

    def paths(self, tiles: str = TILES) -> list[str]:
        """Paths of the pictures that are shown, in their order."""
        return list(self.page.eval_on_selector_all(f"{tiles} a img", "images => images.map(image => image.alt)"))

    def best(self) -> str:
        """Path of the first picture, or nothing."""
        return next(iter(self.paths()), "")

    def address(self) -> str:
        """What the address bar says now; the driver's own copy of it is only renewed by its other calls."""
        return str(self.page.evaluate("location.href"))

    def asked(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.address()).query)

    def wait_until(self, condition: Callable[[], bool]) -> None:
        wait_for(condition)

    def chips(self) -> int:
        return int(self.page.locator(".chip").count())

    def is_wider_than_window(self) -> bool:
        # On a phone the window grows with what is too wide for it: its own width does not.
        return bool(self.page.evaluate("document.scrollingElement.scrollWidth > screen.width"))


@pytest.fixture
def make(browser: Any, service: Service) -> Iterator[Callable[..., Finder]]:
    """Makes a finder in a browser window of its own; what the browser complained about fails the test."""
    made: list[tuple[Any, Finder]] = []

    def make(**options: Any) -> Finder:
        context = browser.new_context(**{"base_url": service.url, "viewport": DESKTOP, **options})
        made.append((context, Finder(context)))
        return made[-1][1]

    yield make
    for context, _ in made:
        context.close()
    assert [finder.complaints for _, finder in made if finder.complaints] == []


@pytest.fixture
def finder(make: Callable[..., Finder]) -> Finder:
    return make()


def test_typing_finds_and_the_address_says_what_was_asked(finder: Finder) -> None:
    finder.open("/")
    finder.type("a red car")
    finder.page.wait_for_selector(NEAR)
    finder.wait_until(lambda: finder.asked() == {"q": ["a red car"]})
    finder.wait_until(lambda: finder.best().startswith("cars/"))
    assert "match" in finder.page.text_content("#status")
    finder.page.keyboard.press("Enter")
    finder.page.fill("#query", "a dog")
    finder.wait_until(lambda: finder.best().startswith("pets/"))
    finder.page.go_back()
    finder.wait_until(lambda: finder.best().startswith("cars/"))
    assert finder.page.input_value("#query") == "a red car", "all that was typed is one step"
    finder.page.reload()
    finder.wait_until(lambda: finder.best().startswith("cars/"))
    assert finder.page.input_value("#query") == "a red car"
    finder.page.go_back()
    finder.page.wait_for_selector("body[data-state=start]")
    assert finder.paths() == []


def test_an_answer_that_comes_too_late_is_not_shown(finder: Finder) -> None:
    finder.open("/")
    held: list[Any] = []

    def hold(route: Any) -> None:
        is_first = (route.request.post_data_json or {}).get("query") == "dog"
        held.append(route) if is_first else route.continue_()

    finder.page.route("**/search", hold)
    with finder.page.expect_request("**/search"):
        finder.page.fill("#query", "dog")
    with finder.page.expect_event("requestfailed"):
        finder.page.fill("#query", "red car")
    finder.wait_until(lambda: finder.best().startswith("cars/"))


def test_more_and_less_like_this_are_mixed_with_the_words(finder: Finder) -> None:
    finder.open("/?q=a+drink")
    first = finder.paths()
    liked = finder.page.get_attribute(f"{TILES} >> nth=1", "data-id")
    finder.page.hover(f"{TILES} >> nth=1")
    finder.page.click(f"{TILES} >> nth=1 >> [data-does=like]")
    finder.wait_until(lambda: finder.asked() == {"q": ["a drink"], "like": [str(liked)]})
    finder.wait_until(lambda: first[1] not in finder.paths())
    assert finder.chips() == 1
    finder.page.click(".chip .weight")
    finder.wait_until(lambda: finder.asked().get("like") == [f"{liked}*2"])
    finder.page.click(".chip .sign")
    finder.wait_until(lambda: finder.asked().get("unlike") == [f"{liked}*2"])
    finder.page.click(".chip .drop")
    finder.wait_until(lambda: finder.paths() == first)
    assert finder.asked() == {"q": ["a drink"]}
    finder.page.hover(f"{TILES} >> nth=0")
    finder.page.click(f"{TILES} >> nth=0 >> [data-does=unlike]")
    finder.wait_until(lambda: "unlike" in finder.asked())


def test_words_become_a_part_of_a_mixture(finder: Finder) -> None:
    finder.open("/?q=a+car")
    finder.page.click("#mix")
    finder.type("yellow")
    finder.wait_until(lambda: finder.asked() == {"q": ["yellow"], "with": ["a car"]})
    finder.wait_until(lambda: finder.best().startswith("cars/yellow"))


def test_what_is_to_be_missing_is_told_and_can_be_undone(finder: Finder) -> None:
    finder.open("/?q=coffee+without+a+cup")
    finder.page.wait_for_selector("text=without cup")
    finder.page.click(".chip.understood .drop")
    finder.page.wait_for_selector("text=word for word")
    assert finder.asked()["understand"] == ["false"]
    finder.page.go_back()
    finder.page.wait_for_selector("text=without cup")


def test_a_picture_is_dropped_pasted_or_chosen(finder: Finder) -> None:
    chosen = SAMPLE / "cars" / "crimson-coupe.jpg"
    finder.open("/")
    data = base64.b64encode(chosen.read_bytes()).decode()
    give = """([data, kind]) => {
        const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
        const transfer = new DataTransfer();
        transfer.items.add(new File([bytes], "mine.jpg", { type: "image/jpeg" }));
        const event = kind === "drop"
            ? new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true })
            : new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true, cancelable: true });
        document.body.dispatchEvent(event);
    }"""
    finder.page.evaluate(give, [data, "drop"])
    finder.page.wait_for_selector(NEAR)
    assert finder.paths()[0] in {"cars/crimson-coupe.jpg", "cars/small-coupe.png"}
    assert finder.asked() == {}, "a picture does not fit into an address"
    assert "a link to this page leaves it out" in finder.page.text_content("#chips-note")
    finder.page.reload()
    finder.page.wait_for_selector(NEAR)
    assert finder.paths()[0] in {"cars/crimson-coupe.jpg", "cars/small-coupe.png"}
    finder.page.evaluate(give, [data, "paste"])
    finder.wait_until(lambda: finder.chips() == 2)
    finder.page.set_input_files("#chooser", chosen)
    finder.wait_until(lambda: finder.chips() == 3)
    finder.page.go_back()
    finder.wait_until(lambda: finder.chips() == 2)
    finder.page.set_input_files("#chooser", __file__)
    finder.page.wait_for_selector(NO_PICTURE)
    finder.page.wait_for_selector(NEAR)
    assert finder.page.is_visible(NO_PICTURE), "the answer of the search that was running does not wipe it away"
    finder.open("/")
    finder.page.set_input_files("#chooser", __file__)
    finder.page.wait_for_selector(NO_PICTURE)
    finder.open("/?q=car")
    finder.page.wait_for_selector(NEAR)
    assert not finder.page.is_visible(NO_PICTURE)


def test_filters_count_narrow_and_widen(finder: Finder) -> None:
    finder.open("/?q=a+beverage")
    finder.page.click("button.menu:has-text('Folder')")
    label = "#filter-folder label:has-text('{}')".format
    finder.page.wait_for_selector(label("drinks"))
    offered = finder.page.locator("#filter-folder li").count()
    assert offered >= 2
    count = int(finder.page.text_content(f"{label('drinks')} .count"))
    finder.page.keyboard.press("Escape")
    finder.page.click("button.menu:has-text('Folder')")
    finder.page.check(f"{label('drinks')} input")
    finder.wait_until(lambda: finder.asked().get("filter") == ["folder:drinks"])
    finder.wait_until(lambda: {path.split("/")[0] for path in finder.paths()} == {"drinks"})
    assert len(finder.paths(NEAR)) == count
    finder.wait_until(lambda: finder.page.locator("#filter-folder li").count() == offered)
    finder.page.check(f"{label('coffee')} input")
    finder.wait_until(lambda: {path.split("/")[0] for path in finder.paths()} == {"drinks", "coffee"})
    finder.page.keyboard.press("Escape")
    finder.page.click("text=Clear all")
    finder.wait_until(lambda: finder.asked() == {"q": ["a beverage"]})


def test_words_and_order_are_chosen(finder: Finder) -> None:
    finder.open("/?q=coffee")
    finder.page.check("input[value=only]", force=True)
    finder.wait_until(lambda: finder.asked().get("words") == ["only"])
    finder.wait_until(lambda: {path.split("/")[0] for path in finder.paths(NEAR)} == {"coffee"})
    finder.page.select_option("#sort", "path")
    finder.wait_until(lambda: finder.asked().get("sort") == ["path"])
    finder.wait_until(lambda: finder.paths() == sorted(finder.paths()))


def test_a_line_shows_where_relevance_ends(finder: Finder, service: Service) -> None:
    finder.open("/?q=a+red+car")
    answer = service.client.post("/search", json={"query": "a red car", "limit": 30}).json()
    hits = answer["hits"]
    assert finder.paths(NEAR) == [hit["path"] for hit in hits if hit["relevance"] >= 0.5]
    assert finder.paths(FAR) == [hit["path"] for hit in hits if hit["relevance"] < 0.5]
    assert finder.page.is_visible("#beyond h2")
    assert finder.page.is_hidden("#no-match")
    far = len(finder.paths(FAR))
    finder.page.click("#more")
    finder.wait_until(lambda: len(finder.paths(FAR)) > far)
    assert len(set(finder.paths())) == len(finder.paths())


def test_nothing_matches_is_said_over_the_nearest(finder: Finder) -> None:
    finder.open("/?q=xqzt+wvvk")
    assert finder.page.is_visible("text=Nothing here matches")
    assert finder.paths(NEAR) == []
    assert len(finder.paths(FAR)) > 5


def test_copies_unfold_on_demand(finder: Finder) -> None:
    finder.open("/?q=a+red+car")
    assert len({"cars/crimson-coupe.jpg", "cars/small-coupe.png"} & set(finder.paths())) == 1
    finder.page.click(".copies")
    finder.wait_until(lambda: {"cars/crimson-coupe.jpg", "cars/small-coupe.png"} <= set(finder.paths()))
    finder.page.click(".copies")
    finder.wait_until(lambda: len({"cars/crimson-coupe.jpg", "cars/small-coupe.png"} & set(finder.paths())) == 1)


def test_the_viewer_goes_by_keys_and_marks_the_words(finder: Finder) -> None:
    finder.open("/?q=coffee")
    order = finder.paths()
    with_words = finder.page.locator(f"{TILES}:has(.print)").first
    place = order.index(with_words.locator("img").get_attribute("alt"))
    with_words.locator("a").click()
    finder.page.wait_for_selector("#viewer[open] .word-box")
    box = finder.page.locator(".word-box").first.bounding_box()
    frame = finder.page.locator("#viewer-frame").bounding_box()
    assert frame["x"] <= box["x"]
    assert box["x"] + box["width"] <= frame["x"] + frame["width"]
    assert frame["y"] <= box["y"] <= frame["y"] + frame["height"]
    assert "coffee" in finder.page.text_content("#viewer-words mark").lower()
    assert "Found by" in finder.page.text_content("#viewer-by")
    finder.page.keyboard.press("ArrowRight")
    finder.wait_until(lambda: order[place + 1].endswith(finder.page.text_content("#viewer-path")))
    assert "#picture-" in finder.address()
    finder.page.keyboard.press("ArrowLeft")
    finder.wait_until(lambda: order[place].endswith(finder.page.text_content("#viewer-path")))
    finder.page.keyboard.press("f")
    finder.page.wait_for_selector("#viewer.alone")
    finder.page.keyboard.press("f")
    finder.page.wait_for_selector("#viewer:not(.alone)")
    finder.page.keyboard.press("w")
    finder.page.wait_for_selector("#why-answer .term")
    assert finder.page.is_visible("#viewer-heat")
    assert finder.page.evaluate(
        """() => { const canvas = document.getElementById("viewer-heat");
        const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
        return new Set(data).size > 20; }"""
    ), "a map has hot and cold cells"
    address = finder.address()
    finder.page.keyboard.press("Escape")
    finder.page.wait_for_selector("#viewer", state="hidden")
    finder.wait_until(lambda: "#" not in finder.address())
    assert finder.paths() == order
    finder.open(address)
    finder.page.wait_for_selector("#viewer[open]")
    assert order[place].endswith(finder.page.text_content("#viewer-path"))


def test_the_back_button_closes_the_viewer(finder: Finder) -> None:
    finder.open("/?q=a+dog")
    finder.page.click(f"{TILES} >> nth=0 >> a")
    finder.page.wait_for_selector("#viewer[open]")
    finder.page.go_back()
    finder.page.wait_for_selector("#viewer", state="hidden")
    assert finder.asked() == {"q": ["a dog"]}
    finder.page.click(f"{TILES} >> nth=0 >> a")
    finder.page.click("#viewer-similar")
    finder.wait_until(lambda: list(finder.asked()) == ["like"])
    finder.page.wait_for_selector("#viewer", state="hidden")
    finder.page.wait_for_selector(TILES)


def test_the_keyboard_is_enough(finder: Finder) -> None:
    finder.open("/?q=music")
    press = finder.page.keyboard.press
    press("/")
    finder.page.keyboard.type("a red car")
    press("Enter")
    finder.wait_until(lambda: finder.best().startswith("cars/"))
    press("ArrowDown")
    focused = "document.activeElement.closest('.tile')?.dataset.id"
    first = finder.page.evaluate(focused)
    assert first == finder.page.get_attribute(f"{TILES} >> nth=0", "data-id")
    press("ArrowRight")
    second = finder.page.evaluate(focused)
    assert second == finder.page.get_attribute(f"{TILES} >> nth=1", "data-id")
    press("Enter")
    finder.page.wait_for_selector("#viewer[open]")
    press("ArrowLeft")
    press("Escape")
    finder.page.wait_for_selector("#viewer", state="hidden")
    finder.wait_until(lambda: finder.page.evaluate(focused) == first)
    press("+")
    finder.wait_until(lambda: finder.asked().get("like") == [first])
    finder.wait_until(lambda: finder.chips() == 1)


def test_light_and_dark(make: Callable[..., Finder]) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    light, dark = make(color_scheme="light"), make(color_scheme="dark")
    for finder in (light, dark):
        finder.open("/?q=music")
    by_day, by_night = (finder.page.evaluate(ground) for finder in (light, dark))
    assert by_day != by_night
    dark.page.click("#theme")
    assert dark.page.evaluate(ground) == by_day
    dark.page.reload()
    assert dark.page.evaluate(ground) == by_day
    dark.page.click("#theme")
    assert dark.page.evaluate(ground) == by_night


def test_on_a_phone_nothing_is_wider_than_the_window(make: Callable[..., Finder]) -> None:
    finder = make(viewport=PHONE, has_touch=True, is_mobile=True)
    finder.open("/")
    assert not finder.is_wider_than_window()
    finder.open(
        "/?q=coffee+without+a+cup&like=1&with=a+very+long+line+of+words+that+goes+on+and+on&filter=folder:coffee"
    )
    assert not finder.is_wider_than_window()
    assert finder.page.locator(f"{TILES} >> nth=0 >> [data-does=like]").bounding_box()["width"] >= 24
    finder.page.tap(f"{TILES} >> nth=0 >> a")
    finder.page.wait_for_selector("#viewer[open]")
    assert not finder.is_wider_than_window()
    panel = finder.page.locator(".panel-side").bounding_box()
    assert panel["x"] + panel["width"] <= PHONE["width"]


def test_names_are_never_markup(make: Callable[..., Finder]) -> None:
    finder = make()
    hostile = "<img src=x onerror=boom>"
    finder.open("/")
    finder.page.goto(f"/?q=a+car&with={hostile}&filter=folder:{hostile}")
    finder.page.wait_for_selector(".chip")
    assert finder.page.locator(".chip img").count() == 0
    assert hostile in finder.page.text_content("#chips")


def test_mistakes_and_missing_indexes_are_told(browser: Any, make: Callable[..., Finder], tmp_path: Path) -> None:
    finder = make()
    finder.page.goto("/?unlike=1")
    finder.page.wait_for_selector("text=say in words what the pictures should show")
    finder.page.goto("/?like=999999")
    finder.page.wait_for_selector("text=999999")
    refused = "Failed to load resource"
    finder.page.wait_for_selector(".chip .what:has-text('999999')")
    assert all(refused in told for told in finder.complaints)
    finder.complaints.clear()
    empty = start_service(tmp_path, LITE, ready=False)
    try:
        context = browser.new_context(base_url=empty.url)
        page = context.new_page()
        page.goto("/?q=car")
        page.wait_for_selector("#message h2:has-text('No pictures yet')")
        page.wait_for_selector("code:has-text('python -m search_app index FOLDER')")
        context.close()
    finally:
        empty.stop()


def test_a_service_that_comes_back_is_asked_again(finder: Finder) -> None:
    finder.open("/?q=a+dog")
    finder.page.route("**/search", lambda route: route.abort())
    finder.page.fill("#query", "a red car")
    finder.page.wait_for_selector("text=cannot be reached")
    finder.page.unroute("**/search")
    finder.page.click("#retry")
    finder.wait_until(lambda: finder.best().startswith("cars/"))
    finder.complaints.clear()


AXE = "axe_playwright_python"
CONTRAST = "{runOnly: {type: 'rule', values: ['color-contrast']}}"


@pytest.mark.skipif(find_spec(AXE) is None, reason=f"{AXE}, which carries axe-core, is not installed")
@pytest.mark.parametrize(
    ("size", "scheme", "rules"),
    # The scheme changes colours only: all else need not be looked at twice in windows of one size.
    [
        pytest.param(DESKTOP, "light", "{}", id="desktop-light"),
        pytest.param(DESKTOP, "dark", CONTRAST, id="desktop-dark"),
        pytest.param(PHONE, "light", CONTRAST, id="phone-light"),
        pytest.param(PHONE, "dark", "{}", id="phone-dark"),
    ],
)
def test_axe_finds_nothing_serious(make: Callable[..., Finder], size: dict[str, int], scheme: str, rules: str) -> None:
    finder = make(color_scheme=scheme, viewport=size, reduced_motion="reduce")
    script = (resources.files(AXE) / "axe.min.js").read_text("utf-8")

    def check(where: str) -> None:
        finder.page.evaluate(script)
        found = finder.page.evaluate(f"() => axe.run({rules})")["violations"]
        assert [(where, each["id"], [node["html"] for node in each["nodes"]]) for each in found] == []

    finder.open("/")
    check("start")
    finder.open("/?q=coffee+without+a+cup&with=a+table*2&filter=folder:coffee&filter=folder:drinks&like=1")
    time.sleep(0.5)  # pictures fade in, and half a colour has half the contrast
    check("results")
    finder.page.click("button.menu:has-text('Folder')")
    check("a filter")
    finder.page.keyboard.press("Escape")
    finder.page.click(f"{TILES} >> nth=0 >> a")
    finder.page.wait_for_selector("#viewer[open]")
    finder.page.keyboard.press("w")
    finder.page.wait_for_selector("#why-answer .term")
    check("the viewer")
    finder.open("/?q=xqzt+wvvk")
    check("no match")
