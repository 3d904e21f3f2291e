"""``--report``: what became of a run, for looking at it later."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from visionocr import __version__
from visionocr.cli.outcome import Tally
from visionocr.cli.read_options import ReadOptions
from visionocr.errors import VisionOcrError
from visionocr.output.files import write_file
from visionocr.output.stdout import PipeClosed
from visionocr.settings import FIELDS, Settings
from visionocr.speed import SpeedMeter
from visionocr.text import page_label, printable, reasons
from visionocr.types import Answered, Event, Observer, PageResult, Status, ignore

_MOST_NAMED = 1000
"""Pages that are not good, of which the reasons are given."""


class Report:
    """An ``Observer`` that collects what a run came to, for ``--report``. Safe to call from any thread."""

    def __init__(self, options: ReadOptions, settings: Settings, tally: Tally, observer: Observer = ignore) -> None:
        """*tally* knows the exit code at the end. *observer* is told everything, too."""
        self._options, self._settings, self._tally, self._observer = options, settings, tally, observer
        self.model = self.preset = ""
        """To be set when they are known."""
        self._lock = threading.Lock()
        self._moment, self._started = datetime.now(UTC), time.monotonic()
        self._statuses: Counter[Status] = Counter()
        self._findings: Counter[tuple[str, str]] = Counter()
        """By kind and severity."""
        self._costs: Counter[str] = Counter()
        self._work = 0.0
        """Seconds that servers spent on the pages that were asked for."""
        self._speed = SpeedMeter()
        self._bad: list[PageResult] = []

    def __call__(self, event: Event) -> None:
        """Take an answer into account."""
        if isinstance(event, Answered):
            with self._lock:
                self._add(event.result, event.known)
        self._observer(event)

    @contextlib.contextmanager
    def written(self) -> Iterator[None]:
        """Write the report when the block ends, also by an error of ours or because nobody reads the output.

        Nothing is written where no file was named. Raises ``OutputError``.
        """
        path = self._options.report
        try:
            yield
        except (VisionOcrError, PipeClosed) as error:
            if path is not None:
                self._write(path, error if isinstance(error, VisionOcrError) else None)
            raise
        if path is not None:
            self._write(path, None)

    def _write(self, path: Path, error: VisionOcrError | None) -> None:
        values = self._as_json(error)
        write_file(path, json.dumps(values, indent=2) + "\n" if path.suffix == ".json" else render(values))

    def _add(self, result: PageResult, known: bool) -> None:
        self._costs["unreadable documents" if result.page.number == 0 else "pages"] += 1
        self._statuses[result.status] += result.page.number > 0
        self._findings.update({(finding.kind.value, finding.severity.value) for finding in result.findings})
        if result.status in {Status.FAILED, Status.SUSPECT} and len(self._bad) < _MOST_NAMED:
            self._bad.append(result)
        if known:
            self._costs["from journal"] += 1
            return
        self._speed.add(result, time.monotonic())
        self._work += result.seconds
        self._costs["asked"] += result.asks > 0
        self._costs["asks"] += result.asks
        self._costs["retries"] += result.retries
        self._costs["prompt tokens"] += result.prompt_tokens or 0
        self._costs["completion tokens"] += result.completion_tokens or 0

    def _as_json(self, error: VisionOcrError | None) -> dict[str, Any]:
        """These names and their meaning are part of the stable interface."""
        given = {
            name: getattr(self._settings, name)
            for name in FIELDS
            if name in self._settings.origins and "secret" not in FIELDS[name].metadata
        }
        if "api_url" in given:
            given["api_url"] = _without_secrets(given["api_url"])
        bad = sorted(self._bad, key=lambda result: (result.page.document, result.page.number))
        costs = self._costs
        return {
            "visionocr": __version__,
            "command": self._options.command,
            "documents": [printable(name) for name in self._options.files],
            "output": self._options.output,
            "settings": given,
            "model": self.model or None,
            "preset": self.preset or None,
            "started": self._moment.isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - self._started, 3),
            "exit_code": int(self._tally.code if error is None else error.exit_code),
            "error": None if error is None else error.message,
            "pages": costs["pages"],
            "statuses": {status.value: self._statuses[status] for status in Status if self._statuses[status]},
            "unreadable_documents": costs["unreadable documents"],
            "from_journal": costs["from journal"],
            "findings": [
                {"kind": kind, "severity": severity, "pages": count}
                for (kind, severity), count in self._findings.most_common()
            ],
            "asks": costs["asks"],
            "retries": costs["retries"],
            "prompt_tokens": costs["prompt tokens"],
            "completion_tokens": costs["completion tokens"],
            "seconds_per_page": round(self._work / costs["asked"], 3) if costs["asked"] else None,
            "servers": [
                {
                    "server": server,
                    "pages": share.pages,
                    "share": round(share.pages / costs["asked"], 3),
                    "seconds": round(share.seconds, 3),
                    "completion_tokens": share.tokens,
                }
                for server, share in sorted(self._speed.shares.items(), key=lambda item: -item[1].pages)
            ],
            "not_good": [
                {
                    "document": printable(result.page.document),
                    "page": result.page.number or None,
                    "name": page_label(result.page),
                    "status": result.status.value,
                    "reasons": reasons(result.findings),
                }
                for result in bad
            ],
        }


def _without_secrets(addresses: Sequence[str]) -> list[str]:
    """Addresses of servers as they may be shown: a password in one is refused, a query in one may hold a key."""
    return ["(not shown)" if "@" in address or "?" in address else address for address in addresses]


def render(values: dict[str, Any]) -> str:
    """The same for people: Markdown whose tables can be read as they are."""
    pages = "1 page" if values["pages"] == 1 else f"{values['pages']} pages"
    head = f"# visionocr {values['command']}: {pages}, exit code {values['exit_code']}\n\n"
    asked = {
        "documents": ", ".join(values["documents"]),
        "output": values["output"],
        "settings": ", ".join(f"{name} = {value}" for name, value in values["settings"].items()),
        "model": values["model"],
        "preset": values["preset"],
        "started": values["started"],
        "took": f"{values['seconds']:.1f} s",
        "a page": f"{values['seconds_per_page']:.1f} s" if values["seconds_per_page"] is not None else "",
        "requests": f"{values['asks']} asks, {values['retries']} retries",
        "tokens": f"{values['prompt_tokens']:,} read, {values['completion_tokens']:,} written",
        "ended by": values["error"],
    }
    counts = {**values["statuses"], "unreadable documents": values["unreadable_documents"]}
    counts["of them from the journal"] = values["from_journal"]
    parts = [
        _table(("what", ""), [(name, text) for name, text in asked.items() if text]),
        _table(("pages", "count"), [(name, count) for name, count in counts.items() if count]),
        _table(("finding", "severity", "pages"), [tuple(one.values()) for one in values["findings"]]),
        _table(
            ("server", "pages", "share", "seconds", "tokens"),
            [
                (one["server"], one["pages"], f"{one['share']:.0%}", f"{one['seconds']:.1f}", one["completion_tokens"])
                for one in values["servers"]
            ],
        ),
        _table(
            ("not good", "status", "why"),
            [(one["name"], one["status"], one["reasons"]) for one in values["not_good"]],
        ),
    ]
    return head + "\n".join(part for part in parts if part)


def _table(names: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table with columns that stand one below the other, as wide as their cells; empty where there are no rows."""
    if not rows:
        return ""
    cells = [list(names), *([printable(str(cell)).replace("|", "\\|") for cell in row] for row in rows)]
    widths = [max(3, *(len(row[at]) for row in cells)) for at in range(len(names))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines) + "\n"
