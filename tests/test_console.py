"""Messages and progress: plain lines without a terminal, a bar on one, and nothing on standard output."""

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


def good_page(number: int = 1) -> Answered:
    """A page that was read."""
    return Answered(PageResult(page(number), "text", Status.OK, seconds=1.25, completion_tokens=100))


def bad_page(number: int = 1, status: Status = Status.FAILED, message: str = "no text came") -> Answered:
    """A page that failed or is suspect."""
    return Answered(PageResult(page(number), "", status, (Finding(FindingKind.EMPTY, message, Severity.FAILED),)))


def unreadable_document(message: str = "x.pdf does not exist") -> Answered:
    """A document that could not be read."""
    finding = Finding(FindingKind.UNREADABLE, message, Severity.FAILED)
    return Answered(PageResult(PageRef("x.pdf", 0), "", Status.FAILED, (finding,)))


def console_lines(*events: Event, verbosity: int = 0, end: bool = False, hint: str = "") -> list[str]:
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
    assert console_lines(good_page(2)) == ["page 2 of a.pdf: ok (1.2 s, 100 tokens)"]


def test_failed_and_suspect_pages_have_reason_and_hint() -> None:
    """Failed and suspect pages come with the reason, and with what can be done."""
    assert console_lines(bad_page(2), hint="start it again") == [
        "page 2 of a.pdf: failed: no text came",
        "  start it again",
    ]
    assert console_lines(bad_page(2, Status.SUSPECT, "cut off")) == ["page 2 of a.pdf: suspect: cut off"]


def test_a_page_label_is_not_repeated() -> None:
    """An error message that begins with the page's name is not prefixed with it again."""
    assert console_lines(bad_page(2, message="page 2 of a.pdf is damaged")) == ["failed: page 2 of a.pdf is damaged"]
    assert console_lines(unreadable_document()) == ["error: x.pdf does not exist"]


def test_quiet_shows_only_problems() -> None:
    """``-q`` shows neither notices nor good pages nor a summary, but every page that is not good."""
    lines = console_lines(
        Planned(1),
        Notice("hello"),
        Notice("slow", True),
        good_page(1),
        bad_page(2),
        unreadable_document(),
        verbosity=-1,
        end=True,
    )
    assert lines == ["page 2 of a.pdf: failed: no text came", "error: x.pdf does not exist"]


def test_verbose_shows_retries_and_asks() -> None:
    """``-v`` shows why something is tried or asked again; a first ask is not shown."""
    events = Asked(page(2), 1), Asked(page(2), 2, "it was empty"), Retrying("busy", 0.25, 1)
    assert console_lines(*events) == []
    assert console_lines(*events, verbosity=1) == [
        "page 2 of a.pdf: asking again: it was empty",
        "busy; trying again in 0.2 s",
    ]


def test_verbose_shows_remarks() -> None:
    """Findings that are only information are shown with ``-v``."""
    finding = Finding(FindingKind.ADJUSTED, "made smaller", Severity.INFO)
    event = Answered(PageResult(page(), "text", Status.OK, (finding,)))
    assert len(console_lines(event)) == 1
    assert console_lines(event, verbosity=1)[1] == "  made smaller"


def test_warnings_are_labelled() -> None:
    """A notice is shown as it is, a warning with a label."""
    assert console_lines(Notice("all right"), Notice("look out", warning=True)) == ["all right", "warning: look out"]


def test_errors_are_one_line_and_one_hint() -> None:
    """Every error is one line with what failed, then, indented, what to do."""
    stream = io.StringIO()
    Console(-1, stream).error("it is broken", "repair it")
    Console(-1, stream).error("it is gone")
    assert stream.getvalue() == "error: it is broken\n  repair it\nerror: it is gone\n"


def test_the_summary_counts_pages_by_status() -> None:
    """The summary says how many pages ended with each status; documents do not count as pages."""
    summary = console_lines(good_page(1), good_page(2), bad_page(3), unreadable_document(), end=True)[-2]
    assert summary.startswith("3 pages: 2 ok, 1 failed; 1 document could not be read; ")
    assert "pages/min" in summary
    assert "tokens/s" in summary


def test_the_summary_without_pages() -> None:
    """Where no page was read the summary has no speed."""
    assert (
        console_lines(unreadable_document(), unreadable_document("y.pdf is empty"), end=True)[-1]
        == "2 documents could not be read"
    )


@pytest.mark.parametrize("events", [[], [good_page(1)], [unreadable_document()]])
def test_one_page_needs_no_summary(events: list[Event]) -> None:
    """With a page or less there is no summary."""
    assert len(console_lines(*events, end=True)) == len(events)


def test_the_last_line_names_the_pages_to_look_at() -> None:
    """Suspect and failed pages are named by number and document, whatever the order in which they came."""
    suspect = [bad_page(number, Status.SUSPECT) for number in (7, 2)]
    other = Answered(PageResult(page(1, 1, "photo.png"), "text", Status.SUSPECT))
    known = Answered(PageResult(page(5), "text", Status.SUSPECT), known=True)
    lines = console_lines(good_page(1), *suspect, other, bad_page(3), known, end=True)
    assert lines[-2].startswith("6 pages: 1 ok, 4 suspect, 1 failed; ")
    assert lines[-1] == "suspect: pages 2, 5, 7 of a.pdf, photo.png; failed: page 3 of a.pdf"
    assert console_lines(bad_page(3, Status.SUSPECT), end=True)[-1] == "suspect: page 3 of a.pdf"


def test_the_last_line_names_ten_pages() -> None:
    """Of many pages the first ten are named, and the others counted."""
    lines = console_lines(*(bad_page(number) for number in range(40, 0, -1)), end=True)
    assert lines[-1] == "failed: pages 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 of a.pdf and 30 more"


@pytest.mark.parametrize("evil", ["a\x1b[31mb", "a\nerror: b", "a\u202eb", "a\udcffb", "a\x9b2Jb"])
def test_control_characters_are_removed(evil: str) -> None:
    """Names and messages are shown printable, on one line."""
    event = Answered(
        PageResult(page(document=evil), "", Status.FAILED, (Finding(FindingKind.SERVER, evil, Severity.FAILED),))
    )
    for lines in (
        console_lines(event),
        console_lines(Notice(evil.replace("\n", " "))),
        console_lines(Retrying(evil, 1, 1), verbosity=1),
    ):
        assert lines
        assert all(line.isprintable() for line in lines)
    assert len(console_lines(event)) == 1


def test_a_broken_standard_error_is_ignored() -> None:
    """When standard error cannot be written to, messages are dropped and the run continues."""
    stream = io.StringIO()
    stream.close()
    Console(0, stream).line("hello")


def test_a_missing_standard_error_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """``2>&-`` leaves no stream at all; messages are dropped."""
    monkeypatch.setattr("sys.stderr", None)
    console = Console()
    console(Planned(1))
    console(good_page())
    console.summary()


# --- on a terminal -----------------------------------------------------------------------------------------


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A terminal of a known size and kind."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    return Terminal()


def test_a_terminal_gets_a_bar_and_no_lines(terminal: Terminal) -> None:
    """Good pages move the progress bar only; at the end it is gone, and the summary stays."""
    console = Console(0, terminal)
    console(Planned(1, 3))
    console(good_page(1))
    console(good_page(2))
    console(bad_page(3))
    drawn = terminal.getvalue()
    console.summary()
    assert "page 1 of a.pdf" not in drawn
    assert "page 3 of a.pdf: failed" in drawn
    assert terminal.getvalue().endswith("tokens/s\nfailed: page 3 of a.pdf\n")
    assert "\x1b[?25h" in terminal.getvalue(), "the cursor is shown again"


def test_quiet_draws_no_bar(terminal: Terminal) -> None:
    """With ``-q`` there is no progress bar on a terminal."""
    console = Console(-1, terminal)
    console(Planned(1, 3))
    console(good_page(1))
    console.summary()
    assert terminal.getvalue() == ""


def test_no_color_is_respected(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """With ``NO_COLOR`` the bar has no colours; it still moves the cursor."""
    monkeypatch.setenv("NO_COLOR", "1")
    console = Console(0, terminal)
    console(Planned(1, 3))
    console(good_page(1))
    console.close()
    assert "\x1b[3" not in terminal.getvalue().replace("\x1b[39m", "")


def _asking(console: Console, do: Callable[[], object]) -> None:
    with console.asking():
        do()


@pytest.mark.parametrize("pause", [Console.writing, _asking])
def test_the_bar_is_hidden_while_others_write(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, pause: Callable[[Console, Callable[[], object]], None]
) -> None:
    """The bar is hidden while a page is written to the same terminal, or a password typed."""
    monkeypatch.setattr("sys.stdout", Terminal())
    console = Console(0, terminal)
    console(Planned(1, 3))
    console(good_page(1))
    seen: list[str] = []
    pause(console, lambda: seen.append(terminal.getvalue()))
    assert seen[0].endswith("\x1b[2K")
    console(good_page(2))
    console.close()
    assert len(terminal.getvalue()) > len(seen[0])


def test_a_prompt_does_not_block_events(terminal: Terminal) -> None:
    """While a password is typed, other threads can report events."""
    console = Console(0, terminal)
    console(Planned(1, 3))
    with console.asking():
        thread = threading.Thread(target=console, args=(bad_page(2),))
        thread.start()
        thread.join(5)
        assert not thread.is_alive()
    console.close()


def test_the_bar_counts_selected_pages(terminal: Terminal) -> None:
    """The total of a document is the number of its selected pages."""
    console = Console(0, terminal, selected=lambda pages: pages - 1)
    console(Planned(1))
    console(good_page(1))
    console.close()
    assert "1/2" in terminal.getvalue()


def test_events_from_many_threads(terminal: Terminal) -> None:
    """No event is lost or torn, whichever thread sends it."""
    console = Console(0, terminal)
    console(Planned(1, 80))

    def report() -> None:
        for _ in range(10):
            console(bad_page(1))

    threads = [threading.Thread(target=report) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    console.summary()
    assert "80 pages: 80 failed" in terminal.getvalue()
    assert terminal.getvalue().count("page 1 of a.pdf: failed: no text came\n") == 80


# --- speed ---------------------------------------------------------------------------------------------


def read_by(server: str, number: int, seconds: float = 2.0) -> Answered:
    """A page that a server read."""
    result = PageResult(page(number), "text", Status.OK, asks=1, server=server, seconds=seconds, completion_tokens=100)
    return Answered(result)


def test_the_summary_lists_servers() -> None:
    """With several servers the summary has a line for each, the busiest first; with one it has none."""
    lines = console_lines(read_by("http://a", 1), read_by("http://b", 2, 1.0), read_by("http://b", 3, 1.0), end=True)
    assert lines[-2:] == [
        "  http://b: 2 pages, 2.0 s of work, 100 tokens/s",
        "  http://a: 1 page, 2.0 s of work, 50 tokens/s",
    ]
    assert console_lines(read_by("http://a", 1), read_by("http://a", 2), end=True)[-1].startswith("2 pages: 2 ok")


def test_the_bar_tells_the_speed(terminal: Terminal) -> None:
    """After the first pages the bar has pages a minute and tokens a second, beside the time left."""
    console = Console(0, terminal)
    console(Planned(1, 9))
    for number in (1, 2):
        console(read_by("http://a", number))
    assert "pages/min" not in terminal.getvalue()
    console(read_by("http://a", 3))
    console.close()
    assert "pages/min" in terminal.getvalue()
    assert "tokens/s" in terminal.getvalue()


def test_speed_is_measured_over_the_last_pages() -> None:
    """After a while a late server counts in full; pages known from before do not count."""
    pace = SpeedMeter()
    for second in range(60):
        pace.add(read_by("a", 1).result, second * 6.0)
    assert pace.measure() == Speed(10.0, 100 / 6)
    for second in range(60):
        pace.add(read_by("b", 1).result, 360.0 + second)
    assert pace.measure() == Speed(60.0, 100.0)
    pace.add(good_page().result, 1e9)
    assert pace.measure() == Speed(60.0, 100.0)
    assert pace.shares["b"].pages == 60


@pytest.mark.parametrize(
    ("pages", "words"), [(1, "6 s"), (100, "10 min"), (899, "90 min"), (900, "1.5 h"), (90_000, "150.0 h")]
)
def test_durations_are_in_suitable_units(pages: int, words: str) -> None:
    """Estimated durations are in seconds, minutes or hours."""
    assert estimate_duration(pages, 10.0) == words
