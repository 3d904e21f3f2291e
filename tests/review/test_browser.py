"""The review page in a real browser: Debian's Chromium, driven with selenium."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fakes.koboldcpp import FakeKoboldCpp, page_text
from fakes.pictures import make_image, make_pdf
from result_files import result, write_results
from review_client import Client, serving
from visionocr.boxes import Box, TextLine
from visionocr.settings import load_settings
from visionocr.types import PageResult, Status

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="Chromium or its driver is not installed"),
]
LINES = [
    TextLine("The quick brown fox jumps", Box(0.1, 0.1, 0.9, 0.13)),
    TextLine("over 17 lazy dogs today", Box(0.1, 0.2, 0.9, 0.23)),
    TextLine("and a third line ends the page", Box(0.1, 0.8, 0.9, 0.83)),
]
TEXT = "😀 The quick brown fox jumps\nover 71 lazy dogs today\n\nand a third line ends the page"
PAGES = (
    result(1, "The quick brown fox jumps\nover 17 lazy dogs today\nand a third line ends the page", pages=3),
    result(2, TEXT, Status.SUSPECT, pages=3),
    result(3, "", Status.FAILED, pages=3),
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One browser for all tests: starting it takes most of the time."""
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, Service(DRIVER))
    yield driver
    driver.quit()


class Page:
    """The review page, as a person uses it."""

    def __init__(self, browser: Any, client: Client, *, width: int = 1280, height: int = 800) -> None:
        self.browser, self.client = browser, client
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        browser.get("about:blank")
        browser.get_log("browser")
        browser.get(client.server.address)

    def run(self, script: str, *arguments: Any) -> Any:
        """The value of an expression in the page."""
        return self.browser.execute_script(f"return {script}", *arguments)

    def wait(self, script: str) -> None:
        """Wait until an expression is true."""
        deadline = time.monotonic() + 20
        while not self.run(script):
            assert time.monotonic() < deadline, f"still not true: {script}"

    def open(self, number: int) -> None:
        """Go to the page with this number, and wait until its words have places."""
        name = f"Page {number}"
        self.run(
            "[...document.querySelectorAll('#list button')].find(b => b.textContent.startsWith(arguments[0])).click()",
            name,
        )
        self.wait(f"document.querySelector('#list [aria-current]')?.textContent.startsWith('{name}')")
        self.wait("!document.querySelector('#source').textContent.startsWith('looking')")
        self.wait("document.querySelector('#image').naturalWidth > 0 && !document.querySelector('#turned').hidden")

    def press(self, *keys: str) -> None:
        """Press keys together, in what has the focus."""
        from selenium.webdriver.common.action_chains import ActionChains
        from selenium.webdriver.common.keys import Keys

        codes = [getattr(Keys, key, key) for key in keys]
        chain = ActionChains(self.browser)
        for code in codes[:-1]:
            chain.key_down(code)
        chain.send_keys(codes[-1])
        for code in codes[:-1]:
            chain.key_up(code)
        chain.perform()

    def type(self, text: str) -> None:
        """Replace the text of the page by typing."""
        self.run("(() => { const a = document.querySelector('#source-text'); a.focus(); a.select(); })()")
        self.press(text)

    @property
    def text(self) -> str:
        """What stands in the box."""
        return str(self.run("document.querySelector('#source-text').value"))

    def shown(self, selector: str) -> str:
        """The text of an element."""
        return str(self.run("document.querySelector(arguments[0]).textContent", selector))

    def errors(self) -> list[str]:
        """What the browser complained of, but for requests that were answered with an error."""
        return [
            entry["message"]
            for entry in self.browser.get_log("browser")
            if entry["level"] == "SEVERE" and "Failed to load resource" not in entry["message"]
        ]


@pytest.fixture
def show(browser: Any, tmp_path: Path) -> Iterator[Callable[..., Page]]:
    """Serve results and show them; the document beside them has three pages."""
    make_pdf(tmp_path / "a.pdf", 3)
    open_pages: list[Page] = []
    from selenium.common.exceptions import NoAlertPresentException

    with contextlib.ExitStack() as stack:

        def show_results(results: tuple[PageResult, ...] = PAGES, *, name: str = "out.md", **more: Any) -> Page:
            look = {key: more.pop(key) for key in ("width", "height") if key in more}
            path = write_results(tmp_path / name, results)
            page = Page(browser, stack.enter_context(serving([path], **{"lines": LINES, **more})), **look)
            open_pages.append(page)
            page.wait("document.querySelector('.card') || document.querySelector('#list [aria-current]')")
            return page

        yield show_results
        for page in open_pages:
            assert page.errors() == []
        browser.execute_cdp_cmd("Page.navigate", {"url": "about:blank"})
        with contextlib.suppress(NoAlertPresentException):  # where everything was saved
            browser.switch_to.alert.accept()


def test_the_page_with_the_most_doubt_comes_first(show: Callable[..., Page]) -> None:
    """Then the others, with a counter; filters leave some out."""
    page = show()
    names = "[...document.querySelectorAll('#list button')].map(b => b.textContent)"
    assert page.run(names) == ["Page 3failed", "Page 2suspect", "Page 1"]
    assert page.shown("#progress") == "1 of 2 doubtful · 0 of 3 checked"
    page.press("ALT", "o")
    assert [name[:6] for name in page.run(names)] == ["Page 1", "Page 2", "Page 3"]
    page.press("ALT", "v")
    assert [name[:6] for name in page.run(names)] == ["Page 2", "Page 3"]


def test_accepting_saves_and_goes_on(show: Callable[..., Page], tmp_path: Path) -> None:
    """Typed text reaches the file with Ctrl+Enter; the next page is shown."""
    page = show()
    page.type("typed by hand")
    assert page.shown("#edited") == "not saved"
    page.press("CONTROL", "ENTER")
    page.wait("document.querySelector('#source-text').value.includes('quick')")
    assert "\ntyped by hand\n" in (tmp_path / "out.md").read_text()
    assert page.shown("#progress") == "1 of 1 doubtful · 1 of 3 checked"
    assert page.run("document.querySelector('#list button').textContent") == "Page 3checked"


def test_doubts_are_shown_in_text_and_picture(show: Callable[..., Page]) -> None:
    """F8 selects the word in the text, marks its place and names what the page has; Alt+Y takes that."""
    page = show()
    page.open(2)
    assert page.run("[...document.querySelectorAll('#backdrop mark')].map(m => m.textContent)") == ["71"]
    page.press("F8")
    area = "document.querySelector('#source-text')"
    assert page.run(f"{area}.value.slice({area}.selectionStart, {area}.selectionEnd)") == "71"
    assert "17" in page.shown("#doubt")
    assert page.run("document.querySelectorAll('#boxes .doubt.now').length") == 1
    page.press("ALT", "y")
    assert page.text == TEXT.replace("71", "17")
    page.wait("document.querySelector('#doubt').textContent === 'No doubts'")
    page.press("CONTROL", "z")
    assert page.text == TEXT


def test_text_and_picture_follow_each_other(show: Callable[..., Page]) -> None:
    """The line under the cursor is shown in the picture; a click in the picture moves the cursor, turned or not."""
    from selenium.webdriver.common.action_chains import ActionChains

    page = show()
    page.open(2)
    page.run("document.querySelector('#source-text').setSelectionRange(arguments[0], arguments[0])", len(TEXT))
    page.wait("document.querySelector('#boxes .here')?.style.top === '80%'")
    for turns in range(2):
        if turns:
            page.press("ALT", "t")
            page.press("ALT", "0")
        page.run("document.querySelector('#source-text').setSelectionRange(0, 0)")
        page.run("document.querySelector('#view').scrollTo(0, 0)")
        left, top = page.run(
            "(() => { const r = document.querySelector('#image').getBoundingClientRect();"
            " return arguments[0] ? [r.right - 0.215 * r.width, r.top + 0.5 * r.height]"
            " : [r.left + 0.5 * r.width, r.top + 0.215 * r.height]; })()",
            turns,
        )
        actions: Any = ActionChains(page.browser).w3c_actions
        actions.pointer_action.move_to_location(int(left), int(top))
        actions.pointer_action.click()
        actions.perform()
        page.wait(f"document.querySelector('#source-text').selectionStart === {TEXT.index('over') + 1}")
        assert page.run("document.querySelector('#boxes .here').style.top") == "20%"


def test_the_picture_can_be_enlarged(show: Callable[..., Page]) -> None:
    """With keys, from the text too; the whole width comes back."""
    page = show()
    page.open(2)
    width = "document.querySelector('#sheet').offsetWidth"
    before = page.run(width)
    page.press("ALT", "=")
    page.press("ALT", "=")
    assert page.run(width) == pytest.approx(before * 1.25**2, abs=2)
    page.press("ALT", "0")
    assert page.run(width) == pytest.approx(before, abs=20)


def test_what_was_typed_stays_when_another_page_is_looked_at(show: Callable[..., Page], tmp_path: Path) -> None:
    """It is not in the file yet, and the list says so."""
    page = show()
    page.type("a draft")
    page.press("ALT", "ARROW_DOWN")
    page.wait("document.querySelector('#source-text').value.includes('quick')")
    assert page.run("document.querySelector('#list button').textContent") == "Page 3failed, edited"
    page.press("ALT", "ARROW_UP")
    page.wait("document.querySelector('#source-text').value === 'a draft'")
    assert "draft" not in (tmp_path / "out.md").read_text()


def test_a_conflict_keeps_the_text_and_shows_the_other(show: Callable[..., Page], tmp_path: Path) -> None:
    """Nothing is overwritten unseen; both can be had."""
    page = show()
    page.open(2)
    page.type("mine")
    mark = page.client.ask("pages/1").json["mark"]
    assert page.client.ask("pages/1", "PUT", {"text": "of another window", "mark": mark}).status == 200
    page.press("CONTROL", "s")
    page.wait("!document.querySelector('#other').hidden")
    assert (page.text, page.shown("#other-text")) == ("mine", "of another window")
    assert "\nof another window\n" in (tmp_path / "out.md").read_text()
    page.press("ESCAPE")
    page.press("CONTROL", "s")
    page.wait("document.querySelector('#edited').textContent === ''")
    assert "\nmine\n" in (tmp_path / "out.md").read_text()


def test_a_page_comment_cannot_be_typed_in(show: Callable[..., Page], tmp_path: Path) -> None:
    """The text stays in the box, with the reason."""
    page = show()
    before = (tmp_path / "out.md").read_bytes()
    page.type('<!-- visionocr page="1" status="ok" -->')
    page.press("CONTROL", "s")
    page.wait("document.querySelector('#message').textContent.includes('page comment')")
    assert page.text.startswith("<!-- visionocr")
    assert (tmp_path / "out.md").read_bytes() == before


def test_asking_again_shows_both_texts(show: Callable[..., Page], koboldcpp: FakeKoboldCpp, tmp_path: Path) -> None:
    """The answer is taken only when the person says so, and saved only then."""
    settings = load_settings({"api_url": [koboldcpp.url], "max_side": "500"}, environment={})
    page = show(settings=settings)
    page.open(2)
    page.press("ALT", "r")
    page.wait("document.querySelector('#ask-dialog').open")
    page.press("ENTER")
    page.wait("document.querySelector('#other-text').textContent.length > 0")
    assert page.shown("#other-text") == page_text(2)
    assert page.text == TEXT
    before = (tmp_path / "out.md").read_bytes()
    page.press("ALT", "u")
    assert page.text == page_text(2)
    assert (tmp_path / "out.md").read_bytes() == before
    page.press("CONTROL", "s")
    page.wait("document.querySelector('#edited').textContent === ''")
    assert page_text(2) in (tmp_path / "out.md").read_text()


def test_hostile_text_does_nothing(show: Callable[..., Page]) -> None:
    """Neither in the box, nor marked, nor rendered, nor as a name."""
    evil = "<img src=x onerror='window.evil=1'><script>window.evil=1</script>[a](javascript:window.evil=1)"
    page = show((result(1, evil, Status.SUSPECT, document=f"{evil}.pdf"),), name="out.jsonl")
    page.wait("document.querySelector('#source-text').value.length > 0")
    page.press("ALT", "p")
    page.wait("!document.querySelector('#rendering').hidden")
    assert page.run("document.querySelectorAll('#rendering *').length") >= 1
    assert page.run("document.querySelectorAll('#rendering a, #rendering img, #rendering script').length") == 0
    assert page.run("window.evil ?? null") is None
    assert page.text == evil


def test_every_key_is_explained(show: Callable[..., Page]) -> None:
    """F1 shows them, in the text too; Escape closes."""
    page = show()
    page.press("F1")
    page.wait("document.querySelector('#help').open")
    for key in ("Ctrl+Enter", "Ctrl+S", "F8", "Shift+F8", "Alt+R", "Alt+↓", "Alt+B"):
        assert key in page.shown("#keys")
    page.press("ESCAPE")
    page.wait("!document.querySelector('#help').open")


def test_a_blank_page_is_marked(show: Callable[..., Page], tmp_path: Path) -> None:
    """An empty text is not accepted by mistake."""
    page = show()
    page.press("CONTROL", "ENTER")
    page.wait("document.querySelector('#message').textContent.includes('Alt+B')")
    assert "checked" not in (tmp_path / "out.md").read_text()
    page.press("ALT", "b")
    page.wait("document.querySelector('#status').textContent === 'checked'")
    assert 'page="3" status="checked"' in (tmp_path / "out.md").read_text()


def test_a_missing_document_leaves_the_text(show: Callable[..., Page]) -> None:
    """The page says what to do."""
    page = show((result(1, "text", document="gone.pdf"),))
    page.wait("!document.querySelector('#problem').hidden")
    assert "--document" in page.shown("#problem")
    assert page.text == "text"


def test_captions_are_a_grid(show: Callable[..., Page], tmp_path: Path) -> None:
    """Ctrl+Enter saves one and goes to the next."""
    for number in range(1, 4):
        make_image(tmp_path / f"{number}.png", number, size=(80, 100))
    captions = tuple(result(1, f"caption {n}", document=f"{n}.png", pages=1) for n in (1, 2, 3))
    page = show(captions, name="captions.jsonl")
    page.wait("[...document.querySelectorAll('.card img')].every(i => i.naturalWidth > 0)")
    page.press("CONTROL", "a")
    page.press("by hand")
    page.press("CONTROL", "ENTER")
    page.wait("document.querySelectorAll('.card .status.checked').length === 1")
    assert '"text": "by hand"' in (tmp_path / "captions.jsonl").read_text()
    page.wait("document.activeElement.value === 'caption 2'")


def test_captions_beside_pictures_are_a_grid(browser: Any, tmp_path: Path) -> None:
    """As one file of captions is."""
    for number in range(1, 4):
        make_image(tmp_path / f"{number}.png", number, size=(80, 100))
        (tmp_path / f"{number}.txt").write_text(f"caption {number}\n")
    with serving([tmp_path]) as client:
        page = Page(browser, client)
        page.wait("[...document.querySelectorAll('.card img')].filter(i => i.naturalWidth > 0).length === 3")
        page.press("CONTROL", "a")
        page.press("by hand")
        page.press("CONTROL", "ENTER")
        page.wait("document.querySelectorAll('.card .status.checked').length === 1")
        assert page.errors() == []
        browser.execute_cdp_cmd("Page.navigate", {"url": "about:blank"})
    assert [(tmp_path / f"{number}.txt").read_text() for number in (1, 2)] == ["by hand\n", "caption 2\n"]


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (1024, 768), (768, 1024)])
def test_it_fits_on_the_screen(show: Callable[..., Page], width: int, height: int) -> None:
    """Nothing needs to be scrolled to, and text and picture are large enough, also with two texts."""
    page = show(width=width, height=height)
    page.run("document.querySelector('#other').hidden = false")
    page.run("document.querySelector('#pages-view').classList.add('comparing')")
    assert page.run("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]") == [width, height]
    for selector in ("#source-text", "#other-text", "#view"):
        across, down = page.run(
            "(r => [r.width, r.height])(document.querySelector(arguments[0]).getBoundingClientRect())", selector
        )
        assert across >= 250, selector
        assert down >= 120, selector
    box = page.run("(r => [r.right, r.bottom])(document.querySelector('#accept').getBoundingClientRect())")
    assert box[0] <= width
    assert box[1] <= height


_CONTRAST = """(() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const light = (name) => {
    canvas.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(name);
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((v) => v / 255)
      .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  return arguments[0].map(([a, b]) => {
    const [x, y] = [light(a), light(b)].sort((p, q) => q - p);
    return [a, b, (x + 0.05) / (y + 0.05)];
  });
})()"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_is_enough(show: Callable[..., Page], browser: Any, scheme: str) -> None:
    """4.5 to 1 for every text, as WCAG's level AA asks for; 3 to 1 for the focus."""
    features = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", features)
    page = show()
    grounds = ["--paper", "--surface", "--sunken"]
    texts = [
        [text, ground] for text in ("--ink", "--quiet", "--good", "--warn", "--bad", "--accent") for ground in grounds
    ]
    texts += [["--ink", "--doubt"], ["--ink", "--number"], ["--ink", "--doubt-now"], ["--on-accent", "--accent"]]
    assert [pair for pair in page.run(_CONTRAST, texts) if pair[2] < 4.5] == []
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_a_thousand_pages_are_shown_at_once(show: Callable[..., Page]) -> None:
    """The first page is there in half a second with a few requests: texts and pictures come when they are looked at."""
    page = show(tuple(result(number, f"text {number} " * 300, pages=1000) for number in range(1, 1001)))
    times = []
    for _ in range(3):
        page.browser.refresh()
        page.wait("document.querySelector('#source-text').value.length > 0")
        times.append(
            page.run("performance.getEntriesByType('resource').find(e => /pages\\/\\d+$/.test(e.name)).responseEnd")
        )
    assert page.run("document.querySelectorAll('#list button').length") == 1000
    assert page.run("performance.getEntriesByType('resource').length") <= 12
    assert min(times) < 500
    page.run("[...document.querySelectorAll('#list button')].at(-1).click()")
    page.wait("document.querySelector('#source-text').value.startsWith('text 1000 ')")
    page.type("the end")
    page.press("CONTROL", "s")
    page.wait("document.querySelectorAll('#list .checked').length === 1")
