"""Pages that lie on their side or stand on their head are turned before the model's answer counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import astuple, dataclass, field, replace
from typing import Any

import pytest
from PIL import Image

from fakes.stand_ins import QUESTION, FakeEngine, answer, image_of
from layer_pages import as_png, new_page, write_lines
from visionocr.asking import Asker
from visionocr.boxes import Box, TextLine, turn_box, turn_line
from visionocr.checking import Checker
from visionocr.choices import TextLayer
from visionocr.documents.content import Content
from visionocr.documents.picture import PictureFile
from visionocr.engines.local import LocalEngine
from visionocr.engines.second_reader import SecondReader
from visionocr.errors import DocumentError
from visionocr.evidence import Evidence, Reference, Source
from visionocr.loaded import Loaded
from visionocr.prompting.reask import respecify
from visionocr.types import Engine, PageImage, PageRef, PageResult, RasterSpec, Status

PAGE = PageRef("a.pdf", 1, 1)
LINES = (
    "The lessee keeps the roof, the gutters and the chimney in repair",
    "at his own cost. He pays 1,250.00 on the first day of every month.",
    "He may not keep any animals in the house without written consent.",
)
UPRIGHT = tuple(
    TextLine(text, Box(0.1, 0.1 + 0.03 * at, 0.1 + len(text) / 100, 0.12 + 0.03 * at)) for at, text in enumerate(LINES)
)
GOOD = "\n".join(LINES)
TURNS = (0, 90, 180, 270)


def known(**facts: Any) -> Evidence:
    """What is known of a page."""
    return Evidence(600, 600, **facts)


@dataclass
class TurnedPage:
    """A page that was turned clockwise by *by* degrees, and a second reader and a source that show it so."""

    by: int
    evidence: Evidence = field(default_factory=known)
    texts: tuple[str, ...] = LINES
    best: float = 0.99
    """The confidence with which it is read upright."""
    worst: float = 0.5
    drawn: list[tuple[int, float]] = field(default_factory=list)
    """Turns and scales."""
    read: list[int] = field(default_factory=list)
    """Turns."""
    fails: Callable[[int, float], bool] = lambda turn, scale: False

    def image(self, turn: int = 0) -> PageImage:
        """Its image, turned."""
        return replace(image_of(PAGE), evidence=self.evidence, turn=turn, data=str(turn).encode())

    def redraw(self, image: PageImage, scale: float) -> tuple[PageImage, ...]:
        """See ``prompting.reask.Redraw``."""
        self.drawn.append((image.turn, scale))
        if self.fails(image.turn, scale):
            raise DocumentError("the file has gone")
        return (self.image(image.turn),)

    def look(self, image: PageImage) -> Reference:
        """What the second reader sees: as the real one does, it reads tall lines turned by a quarter to the left."""
        self.read.append(image.turn)
        seen = (self.by + image.turn) % 360
        sure = self.best if seen in {0, 90} else self.worst
        lines = tuple(
            turn_line(replace(line, text=text), self.by) for line, text in zip(UPRIGHT, self.texts, strict=True)
        )
        return Reference(Source.SECOND_READER, lines, sure)

    def ask(self, checker: Checker, *, says: str = GOOD) -> tuple[PageResult, list[int]]:
        """The result of a model that reads it upright only, and the turns of the images that it got."""
        engine = FakeEngine()
        turns: list[int] = []

        def remember(request: Any) -> None:
            (image,) = request.prompt.images
            turns.append(image.turn)
            engine.says[1] = [answer(says if (self.by + image.turn) % 360 == 0 else "no")]

        engine.before = remember
        asker = Asker(engine, QUESTION, max_asks=2, checker=checker)
        (result,) = asker.read([Loaded(PAGE, (self.image(),))], self.redraw)
        return result, turns

    def checker(self, **options: Any) -> Checker:
        """A checker with its second reader."""
        return Checker(second_reader=FakeReader(self), **options)


class FakeReader(SecondReader):
    """A second reader of one page."""

    def __init__(self, page: TurnedPage) -> None:
        self.page = page

    def begin(self, images: Sequence[PageImage]) -> Future[Reference | None]:
        """See ``SecondReader.begin``."""
        future: Future[Reference | None] = Future()
        future.set_result(self.page.look(images[0]))
        return future

    def read(self, images: Sequence[PageImage]) -> Reference | None:
        """See ``SecondReader.read``."""
        return self.page.look(images[0])


@pytest.mark.parametrize("by", TURNS)
def test_a_turned_page_is_asked_for_upright(by: int) -> None:
    """The model gets the page turned, once; boxes of lines stay where they are on the page as it is displayed."""
    page = TurnedPage(by)
    result, turns = page.ask(page.checker(keeps_lines=True))
    assert turns == [-by % 360]
    assert (result.status, result.text, result.turn, result.asks) == (Status.OK, GOOD, -by % 360, 1)
    assert [line.box for line in result.lines] == [turn_line(line, by).box for line in UPRIGHT]
    # One small look where the first reading shows the side, one more after the page was drawn anew.
    assert page.read == ([0, -by % 360, -by % 360] if by else [0])


@pytest.mark.parametrize("by", [90, 180, 270])
def test_doubts_have_their_places_on_the_page_as_displayed(by: int) -> None:
    """A wrong number is marked where it stands on the page that lies there."""
    wrong = GOOD.replace("1,250.00", "1,350.00")
    (doubt,), (other,) = (page.ask(page.checker(), says=wrong)[0].doubts for page in (TurnedPage(by), TurnedPage(0)))
    assert (doubt.text, doubt.instead) == (other.text, other.instead) == ("1,350.00", "1,250.00")
    assert doubt.box is not None
    assert other.box is not None
    assert astuple(doubt.box) == pytest.approx(astuple(turn_box(other.box, by)))


@pytest.mark.parametrize("by", [90, 180])
def test_a_late_reading_asks_again(by: int) -> None:
    """Where the reading comes after the answer, the page is turned then; both asks are counted."""
    page = TurnedPage(by)
    reader = FakeReader(page)
    pending: list[Future[Reference | None]] = []

    def begin(images: Sequence[PageImage]) -> Future[Reference | None]:
        future: Future[Reference | None] = Future()
        if images[0].turn:
            future.set_result(page.look(images[0]))
        else:
            pending.append(future)
        return future

    reader.begin = begin  # type: ignore[method-assign]
    engine = FakeEngine()

    def reply(request: Any) -> None:
        (image,) = request.prompt.images
        if pending and not pending[0].done():
            pending[0].set_result(page.look(page.image()))
        engine.says[1] = [answer(GOOD if image.turn else "no")]

    engine.before = reply
    asker = Asker(engine, QUESTION, max_asks=3, checker=Checker(second_reader=reader))
    (result,) = asker.read([Loaded(PAGE, (page.image(),))], page.redraw)
    assert (result.status, result.text, result.turn, result.asks) == (Status.OK, GOOD, -by % 360, 2)


def test_a_page_that_is_hard_to_read_is_not_turned() -> None:
    """An upright page with noise reads badly in both directions: one look tells."""
    page = TurnedPage(0, best=0.7, worst=0.5)
    result, turns = page.ask(page.checker())
    assert (result.turn, turns) == (0, [0])
    assert page.drawn == [(180, 1.0)]


def test_the_better_quarter_wins_where_neither_is_clear() -> None:
    """Of a noisy page on its side both quarters are tried."""
    for by in (90, 270):
        page = TurnedPage(by, best=0.85, worst=0.4)
        assert page.ask(page.checker())[0].turn == -by % 360
        assert len(page.drawn) == 3


def test_an_engine_that_sees_lines_finds_out_by_itself() -> None:
    """The embedded engine needs no second reader: its own lines tell, and it reads the page again."""
    page = TurnedPage(270)
    engine = FakeEngine()
    engine.server = replace(engine.server, reads_only=True)

    def reply(request: Any) -> None:
        (image,) = request.prompt.images
        seen = page.look(image)
        text = GOOD if image.turn == 90 else "no"
        engine.says[1] = [replace(answer(text), lines=seen.lines, confidence=seen.confidence)]

    engine.before = reply
    asker = Asker(engine, QUESTION, max_asks=2)
    (result,) = asker.read([Loaded(PAGE, (page.image(),))], page.redraw)
    assert (result.text, result.turn, page.read) == (GOOD, 90, [0, 90, 90])


@pytest.mark.parametrize("when", ["when it is tried", "at the end"])
def test_a_page_on_its_side_that_cannot_be_turned_is_suspect(when: str) -> None:
    """Whatever the model made of it."""
    page = TurnedPage(90, fails=lambda turn, scale: when == "when it is tried")
    if when == "at the end":
        page.fails = lambda turn, scale: len(page.drawn) > 1
    result, turns = page.ask(page.checker())
    assert set(turns) == {0}
    assert result.status is Status.SUSPECT
    assert "could not be turned" in result.findings[0].message


def test_what_nobody_can_read_is_not_turned() -> None:
    """Noise may read a little better the wrong way round, and have tall boxes."""
    for by in (90, 180):
        page = TurnedPage(by, best=0.62, worst=0.4)
        assert page.ask(page.checker())[0].turn == 0


def test_vertical_writing_stands_upright() -> None:
    """Columns of Chinese are tall, too: where they read well in no direction there is nothing wrong."""
    page = TurnedPage(90, texts=("山高水長" * 5, "天地玄黃" * 5, "宇宙洪荒" * 5), best=0.5)
    result, turns = page.ask(page.checker())
    assert (result.turn, set(turns)) == (0, {0})
    assert not any("turned" in finding.message for finding in result.findings)


def test_pages_are_left_as_they_are_on_request() -> None:
    """With the setting off nothing is tried, and nothing is said."""
    page = TurnedPage(90)
    result, _ = page.ask(page.checker(turns_pages=False))
    assert (result.turn, page.drawn) == (0, [])
    assert not any("turned" in finding.message for finding in result.findings)


@pytest.mark.parametrize("by", TURNS)
@pytest.mark.parametrize("is_complete", [True, False])
def test_a_text_layer_that_is_all_tells_the_direction(by: int, is_complete: bool) -> None:
    """No reader is needed. A layer beside which there is more print, such as a note up the margin, tells nothing."""
    layer = tuple(turn_line(line, by) for line in UPRIGHT)
    page = TurnedPage(by, known(text_layer=layer, is_complete=is_complete, layer_turn=-by % 360))
    result, turns = page.ask(Checker())
    turn = -by % 360 if is_complete else 0
    assert (turns[0], result.turn, page.read) == (turn, turn, [])
    assert result.checked_with == "text-layer"
    assert (result.status is Status.OK) == (turn == -by % 360)


@pytest.mark.parametrize("by", TURNS)
def test_a_turned_text_layer_is_taken_in_reading_order(by: int) -> None:
    """Its lines follow each other as on the page when that is upright, and keep their places."""
    layer = tuple(turn_line(line, by) for line in UPRIGHT)
    checker = Checker(TextLayer.USE)
    blocks = checker.take_layer(known(text_layer=layer, layer_turn=-by % 360))
    assert " ".join(block.text for block in blocks).split() == GOOD.split()
    upright = checker.take_layer(known(text_layer=UPRIGHT))
    for block, other in zip(blocks, upright, strict=True):
        assert block.box is not None
        assert other.box is not None
        turned = turn_line(TextLine("", other.box), by).box
        assert [block.box.left, block.box.top] == pytest.approx([turned.left, turned.top])


# --- the embedded engine ------------------------------------------------------------------------------------


def draw_lying(by: int) -> bytes:
    """A page as a scanner delivers it that was fed it the wrong way."""
    pixmap: Any = write_lines(new_page(), lines=8).get_pixmap(dpi=120)
    picture = Image.frombytes("RGB", (pixmap.width, pixmap.height), pixmap.samples)
    return as_png(picture.rotate(-by, expand=True))


@pytest.fixture
def local() -> Iterator[LocalEngine]:
    """The embedded engine."""
    pytest.importorskip("faster_paddle")
    engine = LocalEngine(slots=1)
    yield engine
    engine.close()


@pytest.mark.slow
@pytest.mark.parametrize("by", TURNS)
@pytest.mark.parametrize("is_second", [False, True])
def test_a_real_scan_is_turned_upright(by: int, is_second: bool, local: LocalEngine) -> None:
    """The embedded engine finds out which way up the page is, as the reader or beside one."""
    document = PictureFile(Content("a.png", data=draw_lying(by)), "PNG")
    spec = RasterSpec(1400, find_evidence=True)
    engine: Engine = local
    checker = Checker()
    if is_second:
        engine, checker = FakeEngine(), Checker(second_reader=SecondReader(local, patient=True), keeps_lines=True)
        engine.before = lambda request: engine.says.update({1: [answer("no text")]})
    asker = Asker(engine, QUESTION, max_asks=1, checker=checker)

    def redraw(image: PageImage, scale: float) -> tuple[PageImage, ...]:
        return document.load(PAGE, respecify(spec, image, scale))

    (result,) = asker.read([Loaded(PAGE, document.load(PAGE, spec))], redraw)
    assert result.turn == -by % 360
    if is_second:
        lying = [line for line in result.lines if line.box.bottom - line.box.top > line.box.right - line.box.left]
        assert len(lying) == (len(result.lines) if by in {90, 270} else 0)
    else:
        (upright,) = PictureFile(Content("a.png", data=draw_lying(0)), "PNG").load(PAGE, spec)
        (straight,) = Asker(local, QUESTION, max_asks=1).read([Loaded(PAGE, (upright,))])
        assert (result.status, result.text) == (Status.OK, straight.text)
