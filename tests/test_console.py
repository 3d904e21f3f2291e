"""What people are told: plain lines where nobody looks, one bar where somebody does, and never on standard output."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable

import pytest

from visionocr.console import Console
from visionocr.speed import Speed, SpeedMeter, estimate_duration
from visionocr.types import (
    Answered,
    Asked,
    Event,
    Finding,
    FindingKind,
    Notice,
    PageRef,
    PageResult,
    Planned,
    Retrying,
    Severity,
    Status,
)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Yes."""
        return True


def page(number: int = 1, pages: int = 3, document: str = "a.pdf") -> PageRef:
    """One page of a document."""
    return PageRef(document, number, pages, "d")


def good(number: int = 1) -> Answered:
    """A page that was read."""
    return Answered(PageResult(page(number), "text", Status.OK, seconds=1.25, completion_tokens=100))


def bad(number: int = 1, status: Status = Status.FAILED, message: str = "no text came") -> Answered:
    """A page that was not, or not well."""
    return Answered(PageResult(page(number), "", status, (Finding(FindingKind.EMPTY, message, Severity.FAILED),)))


def unopened(message: str = "x.pdf does not exist") -> Answered:
    """A document that could not be read."""
    finding = Finding(FindingKind.UNREADABLE, message, Severity.FAILED)
    return Answered(PageResult(PageRef("x.pdf", 0), "", Status.FAILED, (finding,)))


def said(*events: Event, verbosity: int = 0, end: bool = False, hint: str = "") -> list[str]:
    """The lines that a console without a terminal writes."""
    stream = io.StringIO()
    console = Console(verbosity, stream, hint_for=lambda _: hint)
    for event in events:
        console(event)
    if end:
        console.summary()
    return stream.getvalue().splitlines()


def test_each_page_is_one_line() -> None:
    """Without a terminal: page, document, status, time and tokens."""
    assert said(good(2)) == ["page 2 of a.pdf: ok (1.2 s, 100 tokens)"]


def test_what_is_wrong_with_a_page_is_said() -> None:
    """Failed and suspect pages come with the reason, and with what can be done."""
    assert said(bad(2), hint="start it again") == ["page 2 of a.pdf: failed: no text came", "  start it again"]
    assert said(bad(2, Status.SUSPECT, "cut off")) == ["page 2 of a.pdf: suspect: cut off"]


def test_a_name_is_not_said_twice() -> None:
    """Errors that begin with the page's name stand alone."""
    assert said(bad(2, message="page 2 of a.pdf is damaged")) == ["failed: page 2 of a.pdf is damaged"]
    assert said(unopened()) == ["error: x.pdf does not exist"]


def test_quiet_says_only_what_went_wrong() -> None:
    """``-q``: neither notices nor good pages nor a summary, but every page that is not good."""
    lines = said(Planned(1), Notice("hello"), Notice("slow", True), good(1), bad(2), unopened(), verbosity=-1, end=True)
    assert lines == ["page 2 of a.pdf: failed: no text came", "error: x.pdf does not exist"]


def test_retries_and_asks_are_for_the_curious() -> None:
    """``-v`` tells why something is tried or asked again; a first ask is nothing to tell."""
    events = Asked(page(2), 1), Asked(page(2), 2, "it was empty"), Retrying("busy", 0.25, 1)
    assert said(*events) == []
    assert said(*events, verbosity=1) == [
        "page 2 of a.pdf: asking again: it was empty",
        "busy; trying again in 0.2 s",
    ]


def test_remarks_are_for_the_curious() -> None:
    """Findings that are only information are told with ``-v``."""
    finding = Finding(FindingKind.ADJUSTED, "made smaller", Severity.INFO)
    event = Answered(PageResult(page(), "text", Status.OK, (finding,)))
    assert len(said(event)) == 1
    assert said(event, verbosity=1)[1] == "  made smaller"


def test_warnings_are_called_so() -> None:
    """A notice stands as it is, a warning with its name."""
    assert said(Notice("all right"), Notice("look out", warning=True)) == ["all right", "warning: look out"]


def test_errors_are_one_line_and_one_hint() -> None:
    """The form of every error: what failed, then, indented, what to do."""
    stream = io.StringIO()
    Console(-1, stream).error("it is broken", "repair it")
    Console(-1, stream).error("it is gone")
    assert stream.getvalue() == "error: it is broken\n  repair it\nerror: it is gone\n"


def test_the_summary_counts_pages_by_status() -> None:
    """It says how many pages ended how, and does not count documents as pages."""
    summary = said(good(1), good(2), bad(3), unopened(), end=True)[-1]
    assert summary.startswith("3 pages: 2 ok, 1 failed; 1 document could not be read; ")
    assert "pages/min" in summary
    assert "tokens/s" in summary


def test_the_summary_of_documents_alone() -> None:
    """Where no page was read there is no speed."""
    assert said(unopened(), unopened("y.pdf is empty"), end=True)[-1] == "2 documents could not be read"


@pytest.mark.parametrize("events", [[], [good(1)], [unopened()]])
def test_one_line_needs_no_summary(events: list[Event]) -> None:
    """With a page or less the summary would only repeat it."""
    assert len(said(*events, end=True)) == len(events)


@pytest.mark.parametrize("evil", ["a\x1b[31mb", "a\nerror: b", "a\u202eb", "a\udcffb", "a\x9b2Jb"])
def test_nothing_from_elsewhere_steers_the_terminal(evil: str) -> None:
    """Names and messages come out printable, on one line."""
    event = Answered(
        PageResult(page(document=evil), "", Status.FAILED, (Finding(FindingKind.SERVER, evil, Severity.FAILED),))
    )
    for lines in (said(event), said(Notice(evil.replace("\n", " "))), said(Retrying(evil, 1, 1), verbosity=1)):
        assert lines
        assert all(line.isprintable() for line in lines)
    assert len(said(event)) == 1


def test_a_lost_reader_is_no_reason_to_fail() -> None:
    """Messages that nobody can read are dropped: the work goes on."""
    stream = io.StringIO()
    stream.close()
    Console(0, stream).line("hello")


def test_a_closed_standard_error_is_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """``2>&-`` leaves no stream at all."""
    monkeypatch.setattr("sys.stderr", None)
    console = Console()
    console(Planned(1))
    console(good())
    console.summary()


# --- on a terminal -----------------------------------------------------------------------------------------


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A terminal of a known size and kind."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    return Terminal()


def test_a_terminal_gets_a_bar_and_no_lines(terminal: Terminal) -> None:
    """Good pages move the bar only; it is gone at the end, and the summary stays."""
    console = Console(0, terminal)
    console(Planned(1, 3))
    console(good(1))
    console(good(2))
    console(bad(3))
    drawn = terminal.getvalue()
    console.summary()
    assert "page 1 of a.pdf" not in drawn
    assert "page 3 of a.pdf: failed" in drawn
    assert terminal.getvalue().endswith("tokens/s\n")
    assert "\x1b[?25h" in terminal.getvalue(), "the cursor is shown again"


def test_quiet_draws_no_bar(terminal: Terminal) -> None:
    """``-q`` on a terminal is quiet too."""
    console = Console(-1, terminal)
    console(Planned(1, 3))
    console(good(1))
    console.summary()
    assert terminal.getvalue() == ""


def test_no_colour_where_none_is_wanted(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """With ``NO_COLOR`` the bar has none; cursor movements are no colours."""
    monkeypatch.setenv("NO_COLOR", "1")
    console = Console(0, terminal)
    console(Planned(1, 3))
    console(good(1))
    console.close()
    assert "\x1b[3" not in terminal.getvalue().replace("\x1b[39m", "")


def _asking(console: Console, do: Callable[[], object]) -> None:
    with console.asking():
        do()


@pytest.mark.parametrize("pause", [Console.writing, _asking])
def test_the_bar_makes_way(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, pause: Callable[[Console, Callable[[], object]], None]
) -> None:
    """While a page is written to the same terminal, or a password typed, nothing is drawn; then it goes on."""
    monkeypatch.setattr("sys.stdout", Terminal())
    console = Console(0, terminal)
    console(Planned(1, 3))
    console(good(1))
    seen: list[str] = []
    pause(console, lambda: seen.append(terminal.getvalue()))
    assert seen[0].endswith("\x1b[2K")
    console(good(2))
    console.close()
    assert len(terminal.getvalue()) > len(seen[0])


def test_asking_does_not_hold_up_events(terminal: Terminal) -> None:
    """While somebody types a password, other threads can still report."""
    console = Console(0, terminal)
    console(Planned(1, 3))
    with console.asking():
        thread = threading.Thread(target=console, args=(bad(2),))
        thread.start()
        thread.join(5)
        assert not thread.is_alive()
    console.close()


def test_the_bar_knows_how_many_pages_are_selected(terminal: Terminal) -> None:
    """Of one document the total is what is asked for, not what it has."""
    console = Console(0, terminal, selected=lambda pages: pages - 1)
    console(Planned(1))
    console(good(1))
    console.close()
    assert "1/2" in terminal.getvalue()


def test_many_threads_may_report(terminal: Terminal) -> None:
    """No event is lost or torn, whoever sends it."""
    console = Console(0, terminal)
    console(Planned(1, 80))

    def report() -> None:
        for _ in range(10):
            console(bad(1))

    threads = [threading.Thread(target=report) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    console.summary()
    assert "80 pages: 80 failed" in terminal.getvalue()
    assert terminal.getvalue().count("page 1 of a.pdf: failed: no text came\n") == 80


# --- speed ---------------------------------------------------------------------------------------------


def by(server: str, number: int, seconds: float = 2.0) -> Answered:
    """A page that a server read."""
    result = PageResult(page(number), "text", Status.OK, asks=1, server=server, seconds=seconds, completion_tokens=100)
    return Answered(result)


def test_each_server_has_its_line() -> None:
    """Of several servers the summary says what each did, the busiest first; a single one needs no line."""
    lines = said(by("http://a", 1), by("http://b", 2, 1.0), by("http://b", 3, 1.0), end=True)
    assert lines[-2:] == [
        "  http://b: 2 pages, 2.0 s of work, 100 tokens/s",
        "  http://a: 1 page, 2.0 s of work, 50 tokens/s",
    ]
    assert said(by("http://a", 1), by("http://a", 2), end=True)[-1].startswith("2 pages: 2 ok")


def test_the_bar_tells_the_speed(terminal: Terminal) -> None:
    """After the first pages: pages a minute and tokens a second, beside the time that is left."""
    console = Console(0, terminal)
    console(Planned(1, 9))
    for number in (1, 2):
        console(by("http://a", number))
    assert "pages/min" not in terminal.getvalue()
    console(by("http://a", 3))
    console.close()
    assert "pages/min" in terminal.getvalue()
    assert "tokens/s" in terminal.getvalue()


def test_speed_is_that_of_the_last_pages() -> None:
    """A server that joined counts after a while as if it had always been there; known pages do not count."""
    pace = SpeedMeter()
    for second in range(60):
        pace.add(by("a", 1).result, second * 6.0)
    assert pace.measure() == Speed(10.0, 100 / 6)
    for second in range(60):
        pace.add(by("b", 1).result, 360.0 + second)
    assert pace.measure() == Speed(60.0, 100.0)
    pace.add(good().result, 1e9)
    assert pace.measure() == Speed(60.0, 100.0)
    assert pace.shares["b"].pages == 60


@pytest.mark.parametrize(
    ("pages", "words"), [(1, "6 s"), (100, "10 min"), (899, "90 min"), (900, "1.5 h"), (90_000, "150.0 h")]
)
def test_time_is_foretold_in_words(pages: int, words: str) -> None:
    """Seconds, minutes or hours, whichever a person would say."""
    assert estimate_duration(pages, 10.0) == words
