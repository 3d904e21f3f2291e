"""Scores files of results against files of known texts, page by page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from visionocr.errors import DocumentError
from visionocr.evaluation.scores import Scores, score
from visionocr.output.saved import SUFFIXES, SavedPage, load_pages
from visionocr.text import printable

TRUTH_SUFFIXES = (".txt", ".md")


@dataclass(frozen=True, slots=True)
class PageScore:
    """The scores of one page, or of a document whose pages cannot be told apart."""

    document: str
    """The known text's name without its suffix."""
    page: int | None
    """1-based; ``None``: the whole document."""
    scores: Scores
    status: str = ""
    """Of the result; ``missing`` where there is none."""


def find_truths(truth: Path) -> dict[str, Path]:
    """The known texts below a folder, or a single one, by name without suffix. Raises ``DocumentError``."""
    found = _find_files(truth, TRUTH_SUFFIXES)
    if not found:
        raise DocumentError(f"there are no known texts in {printable(str(truth))}", "They are files .txt or .md.")
    return found


def score_results(truths: dict[str, Path], result: Path) -> Iterator[PageScore]:
    """Score the results below a folder, or in a single file, against known texts. Raises ``DocumentError``."""
    results = _find_files(result, SUFFIXES)
    if len(truths) == 1 and result.is_file():
        results = dict.fromkeys(truths, result)
    for name, path in truths.items():
        found = results.get(name)
        yield from _score_document(name, load_pages(path), [] if found is None else load_pages(found))


def _score_document(name: str, known: Sequence[SavedPage], found: Sequence[SavedPage]) -> Iterator[PageScore]:
    if not found:
        for number, page in enumerate(known, 1):
            yield PageScore(name, number if len(known) > 1 else None, score(page.text, ""), "missing")
        return
    if len(known) != len(found):
        status = ", ".join(dict.fromkeys(page.status for page in found if page.status))
        yield PageScore(name, None, score(_join(known), _join(found)), status)
        return
    for number, (page, other) in enumerate(zip(known, found, strict=True), 1):
        yield PageScore(name, number if len(known) > 1 else None, score(page.text, other.text), other.status)


def _join(pages: Sequence[SavedPage]) -> str:
    return "\n\n".join(page.text for page in pages)


def _find_files(root: Path, suffixes: Sequence[str]) -> dict[str, Path]:
    """Files by their path below *root* without suffix; of two with the same, the one whose suffix comes first."""
    if root.is_file():
        return {root.stem: root} if root.suffix in suffixes else {}
    if not root.is_dir():
        raise DocumentError(f"there is no file or folder {printable(str(root))}")
    found: dict[str, Path] = {}
    for suffix in suffixes:
        for path in sorted(root.rglob(f"*{suffix}")):
            if path.is_file() and not any(part.startswith(".") for part in path.relative_to(root).parts):
                found.setdefault(path.relative_to(root).with_suffix("").as_posix(), path)
    return dict(sorted(found.items()))
