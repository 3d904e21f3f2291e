"""``visionocr eval``: scores results against known texts."""

from __future__ import annotations

import glob
import json
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from visionocr.cli import options
from visionocr.cli.outcome import current_stop, reported
from visionocr.console import Console
from visionocr.documents.kinds import HEAD, sniff
from visionocr.errors import ConfigurationError, DocumentError, ExitCode, UsageError, VisionOcrError
from visionocr.extras import install_hint
from visionocr.output.files import read_head
from visionocr.output.stdout import write_stdout
from visionocr.text import printable
from visionocr.types import Notice

if TYPE_CHECKING:
    from visionocr.evaluation.compare import PageScore

Truth = Annotated[
    Path,
    typer.Argument(metavar="TRUTH", help="Known texts: a folder of .txt or .md files, or one.", show_default=False),
]
Result = Annotated[
    Path | None,
    typer.Argument(metavar="RESULT", help="Results of the same names: a folder, or a file.", show_default=False),
]
Runs = Annotated[
    list[str] | None,
    typer.Option(
        "--run",
        metavar="OPTIONS",
        help='Read the documents beside the known texts with these options, such as "--preset qwen3-vl", and score '
        "that. Repeat it to compare.",
        show_default=False,
    ),
]
Keep = Annotated[
    Path, typer.Option("--keep", metavar="DIR", help="Where --run keeps its results, so that it asks only once.")
]
_KEEP = Path("visionocr-eval")
_COLUMNS = ("cer", "wer", "recall", "order", "numbers", "cells")


def evaluate(
    truth: Truth,
    result: Result = None,
    runs: Runs = None,
    keep: Keep = _KEEP,
    as_json: options.AsJson = False,
    verbose: options.Verbose = 0,
) -> None:
    """Score results against known texts, the worst pages first.

    Pages are told apart by page comments or form feeds. cer and wer are error rates (0 is best), the others shares.
    """
    console = Console(verbose)
    with reported(console, verbose):
        if (result is None) == (not runs):
            raise UsageError("give either RESULT or --run", "See: visionocr eval --help")
        try:
            from visionocr.evaluation import compare
        except ImportError:
            raise ConfigurationError("scoring needs rapidfuzz, which is not installed", install_hint("eval")) from None
        truths = compare.find_truths(truth)
        folders = {str(result): result} if result is not None else {}
        if runs:
            documents = _find_documents(truth, truths)
            truths = {name: path for name, path in truths.items() if name in documents}
            for run in runs:
                folders[run] = _read(list(documents.values()), run, keep, console)
        found = {name: list(compare.score_results(truths, folder)) for name, folder in folders.items()}
        if any(page.status == "missing" for pages in found.values() for page in pages):
            console(Notice("some documents have no result: they count as wholly wrong", warning=True))
        write_stdout(_make_json(found) if as_json else _make_table(found))


def _read(documents: Sequence[tuple[str, Path]], run: str, keep: Path, console: Console) -> Path:
    """Read *documents*, each with its command, with the options *run*; the folder of the results."""
    folder = keep / blake2b(run.encode(), digest_size=6).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    console(Notice(f"reading {len(documents)} document{'s' if len(documents) > 1 else ''} into {folder}: {run}"))
    for command in ("pdf", "image"):
        names = "\n".join(str(path) for kind, path in documents if kind == command)
        if not names:
            continue
        arguments = [command, "--files-from", "-", "-o", f"{folder}/", "-f", "md", *_split(run)]
        process = subprocess.Popen(  # noqa: S603 - this program
            [sys.executable, "-m", "visionocr", *arguments], stdin=subprocess.PIPE, text=True
        )
        with current_stop.get().waking(process.terminate):
            process.communicate(names)
        current_stop.get().check()
        if process.returncode not in (ExitCode.OK, ExitCode.PAGES):
            error = VisionOcrError(f"reading with {run!r} failed", "The message above says why.")
            error.exit_code = ExitCode(process.returncode) if process.returncode in list(ExitCode) else ExitCode.SERVER
            raise error
    return folder


def _split(run: str) -> list[str]:
    try:
        return shlex.split(run)
    except ValueError as error:
        raise UsageError(f"--run {run!r}: {error}") from None


def _find_documents(truth: Path, truths: dict[str, Path]) -> dict[str, tuple[str, Path]]:
    """The documents with the names of known texts, each with the command that reads it. Raises ``DocumentError``."""
    root = truth if truth.is_dir() else truth.parent
    found = {}
    for name in truths:
        for path in sorted((root / name).parent.glob(f"{glob.escape(Path(name).name)}.*")):
            if path not in truths.values() and (kind := sniff(read_head(path, HEAD))) is not None:
                found[name] = "pdf" if kind == "PDF" else "image", path
                break
    if not found:
        raise DocumentError(
            f"there are no documents beside the known texts in {printable(str(truth))}",
            "Put each text beside its PDF or picture, under the same name.",
        )
    return found


def _make_json(found: dict[str, list[PageScore]]) -> str:
    from visionocr.evaluation.scores import average

    def describe(page: PageScore) -> dict[str, Any]:
        return {"document": page.document, "page": page.page, "status": page.status or None, **asdict(page.scores)}

    report = [
        {
            "results": name,
            "pages": [describe(page) for page in _sort(pages)],
            "summary": asdict(average([page.scores for page in pages])),
        }
        for name, pages in found.items()
    ]
    return json.dumps(report, indent=2) + "\n"


def _make_table(found: dict[str, list[PageScore]]) -> str:
    from visionocr.evaluation.scores import average

    rows: list[tuple[str, ...]] = [("", *_COLUMNS, "")]
    for name, pages in found.items():
        if len(found) > 1:
            rows.append((f"{printable(name)}:", *("" for _ in _COLUMNS), ""))
        for page in _sort(pages):
            label = printable(page.document) + (f" p. {page.page}" if page.page else "")
            rows.append((label, *_show(page.scores), page.status))
        if len(pages) > 1:
            rows.append(("all", *_show(average([page.scores for page in pages])), ""))
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    lines = ("  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows)
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _sort(pages: Sequence[PageScore]) -> list[PageScore]:
    """The worst pages first."""
    return sorted(pages, key=lambda page: -page.scores.cer)


def _show(scores: Any) -> list[str]:
    values = (getattr(scores, name) for name in _COLUMNS)
    return ["" if value is None else f"{value:.1%}" for value in values]
