"""Results as text: Markdown, plain text, JSON, JSON Lines, captions. Pages come one by one, in order."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Iterable
from dataclasses import astuple
from typing import Any

from visionocr.blocks import Block, BlockKind, Cell
from visionocr.boxes import Box
from visionocr.choices import Format, PageBreaks
from visionocr.evidence import Doubt
from visionocr.output import hocr
from visionocr.output.arrange import find_blocks
from visionocr.output.containment import contain_line, contain_markdown, contain_plain
from visionocr.output.places import place_page
from visionocr.settings import Settings
from visionocr.text import page_label, printable, reasons
from visionocr.types import PageRef, PageResult, Severity, Status


class Formatter:
    """Turns results into the text of a file, piece by piece."""

    suffix: str
    """File name suffix with its dot."""

    def head(self) -> str:
        """What stands before the first page."""
        return ""

    def page(self, result: PageResult) -> str:
        """One page, with what separates it from the page before."""
        raise NotImplementedError

    def tail(self) -> str:
        """What stands after the last page."""
        return ""


class PagesText(Formatter):
    """Markdown or plain text: the pages' texts, told apart by ``breaks`` (see ``settings.PageBreaks``).

    Every break but ``formfeed`` and ``none`` carries a comment that machines can read:
    ``<!-- visionocr page="3" status="ok" document="a.pdf" -->``. A page without text always has it, and a visible line.
    """

    def __init__(self, suffix: str, breaks: str) -> None:
        self.suffix = suffix
        self._breaks = breaks
        self._written = False

    def page(self, result: PageResult) -> str:
        """The page's text between a break and an empty line."""
        lead = "\f" if self._breaks == "formfeed" and self._written else ""
        parts = [self._break(result)]
        if result.text:
            parts.append(contain_markdown(result.text) if self.suffix == ".md" else contain_plain(result.text))
        elif result.status not in {Status.BLANK, Status.CHECKED}:
            parts.append(self._gap(result))
        self._written = True
        return lead + "".join(f"{part}\n" for part in parts if part) + ("" if self._breaks == "formfeed" else "\n")

    def _break(self, result: PageResult) -> str:
        comment = page_comment(result)
        plain = result.status in {Status.OK, Status.CHECKED} or (result.status is Status.BLANK and not result.text)
        match self._breaks:
            case "none" | "formfeed":
                return "" if plain else comment
            case "rule":
                return f"---\n{comment}" if self._written else comment
            case "heading":
                return f"{comment}\n## {_title(result.page)}\n"
            case _:
                return comment

    def _gap(self, result: PageResult) -> str:
        why, name = reasons(result.findings), page_label(result.page)
        line = why if why.startswith(name) else f"{_title(result.page)} could not be read: {why}"
        return f"> **[{_escape(line)}]**" if self.suffix == ".md" else f"[{line}]"


class JsonLines(Formatter):
    """One JSON object a page, one page a line; the fields are those of ``record``."""

    suffix = ".jsonl"

    def page(self, result: PageResult) -> str:
        """The page's line."""
        return json.dumps(record(result)) + "\n"


class Json(Formatter):
    """A JSON array of the same objects."""

    suffix = ".json"

    def __init__(self) -> None:
        self._separator = "\n"

    def head(self) -> str:
        """The opening bracket."""
        return "["

    def page(self, result: PageResult) -> str:
        """One element."""
        text = f"{self._separator}{json.dumps(record(result))}"
        self._separator = ",\n"
        return text

    def tail(self) -> str:
        """The closing bracket."""
        return "\n]\n"


class Hocr(Formatter):
    """hOCR: one XHTML file a document."""

    suffix = hocr.SUFFIX

    def __init__(self) -> None:
        self._started = False

    def page(self, result: PageResult) -> str:
        """The page's element, before the first of them the head of the document."""
        head = "" if self._started else hocr.render_head(printable(result.page.document), result.model)
        self._started = True
        return head + hocr.render_page(place_page(result))

    def tail(self) -> str:
        """The end of the document."""
        return ("" if self._started else hocr.render_head("")) + hocr.TAIL


class Captions(Formatter):
    """``path: caption`` for several pictures, the caption alone for one. Lines of a caption are joined."""

    def __init__(self, suffix: str, several: bool, *, has_lines: bool = False) -> None:
        """*has_lines*: a result's text has a line for each of its captions."""
        self.suffix = suffix
        self._several = several
        self._has_lines = has_lines

    def page(self, result: PageResult) -> str:
        """The caption, or a marked gap; several captions one after the other."""
        texts = result.text.splitlines() if self._has_lines else [result.text]
        return "".join(self._write(result, " ".join(text.split())) for text in texts or [""])

    def _write(self, result: PageResult, text: str) -> str:
        name = printable(result.page.document) + (f" ({result.page.number})" if (result.page.pages or 1) > 1 else "")
        markdown = self.suffix == ".md"
        text = contain_line(text) if markdown else contain_plain(text)
        if not text and result.status is not Status.CHECKED:
            gap = f"[could not be described: {reasons(result.findings)}]"
            text = f"{page_comment(result)} **{_escape(gap)}**" if markdown else gap
        elif result.status is Status.SUSPECT and markdown:
            text = f"{page_comment(result)} {text}"
        if not self._several:
            return f"{text}\n"
        return f"**{_escape(name)}**: {text}\n\n" if markdown else f"{name}: {text}\n"


def formatter_for(
    settings: Settings, kind: Format, *, captions: bool = False, several: bool = False, has_lines: bool = False
) -> Callable[[], Formatter]:
    """What makes the formatter of each output file. *several*: captions of more than one picture may come.

    *has_lines*: pictures have more than one caption, each on a line.
    """
    match kind:
        case Format.JSON:
            return Json
        case Format.JSONL:
            return JsonLines
        case Format.HOCR:
            return Hocr
    suffix = f".{kind}"
    if captions:
        return lambda: Captions(suffix, several, has_lines=has_lines)
    default = PageBreaks.COMMENT if kind is Format.MD else PageBreaks.FORMFEED
    return lambda: PagesText(suffix, settings.page_breaks or default)


def record(result: PageResult) -> dict[str, Any]:
    """A result as JSON. These names and their meaning are part of the stable interface."""
    page = result.page
    return {
        "document": page.document.encode("utf-8", "backslashreplace").decode(),
        "page": page.number or None,
        "pages": page.pages,
        "digest": page.digest or None,
        "status": result.status.value,
        "text": result.text,
        "keywords": list(result.keywords),
        "alt_text": result.alt_text or None,
        "findings": [
            {"kind": f.kind.value, "severity": f.severity.value, "message": f.message} for f in result.findings
        ],
        "blocks": record_blocks(find_blocks(result)),
        "figures": [
            {"path": figure.path, "box": _record_box(figure.box), "text": figure.text or None}
            for figure in result.figures
            if figure.path
        ],
        "doubts": [_record_doubt(doubt) for doubt in result.doubts],
        "checked_with": result.checked_with or None,
        "asks": result.asks,
        "retries": result.retries,
        "server": result.server or None,
        "model": result.model or None,
        "seconds": round(result.seconds, 3),
        "prompt_tokens": result.prompt_tokens,
        "completion_tokens": result.completion_tokens,
        "width": result.width or None,
        "height": result.height or None,
        "turned": result.turn,
    }


def record_blocks(blocks: Iterable[Block]) -> list[dict[str, Any]]:
    """Blocks as JSON."""
    return [_record_block(block) for block in blocks]


def _record_doubt(doubt: Doubt) -> dict[str, Any]:
    """A doubt as JSON."""
    values = {"kind": doubt.kind.value, "text": doubt.text, "instead": doubt.instead or None}
    return values | {"box": _record_box(doubt.box)}


def _record_block(block: Block) -> dict[str, Any]:
    """A block as JSON; what only some kinds have is left out of the others."""
    values: dict[str, Any] = {"kind": block.kind.value, "text": block.text, "box": _record_box(block.box)}
    if block.kind is BlockKind.TABLE:
        values["rows"] = [[_record_cell(cell) for cell in row] for row in block.rows]
    if block.kind in {BlockKind.HEADING, BlockKind.LIST_ITEM}:
        values["level"] = block.level
    if block.marker:
        values["marker"] = block.marker
    if block.language:
        values["language"] = block.language
    if block.path:
        values["path"] = block.path
    if block.is_cut:
        values["cut"] = True
    return values


def _record_cell(cell: Cell) -> dict[str, Any]:
    spans = {"columns": cell.columns, "rows": cell.rows}
    values: dict[str, Any] = {"text": cell.text} | {name: span for name, span in spans.items() if span > 1}
    return values | ({"header": True} if cell.is_header else {})


def _record_box(box: Box | None) -> list[float] | None:
    """Left, top, right, bottom as fractions of the page."""
    return None if box is None else [round(value, 4) for value in astuple(box)]


def page_comment(result: PageResult) -> str:
    """The HTML comment that stands for a page: its number, status and document, what is wrong, how it was turned."""
    attributes = {"page": str(result.page.number), "status": result.status.value}
    wrong = [finding for finding in result.findings if finding.severity is not Severity.INFO]
    if wrong:
        attributes["findings"] = reasons(wrong)
    if result.turn:
        attributes["turned"] = str(result.turn)
    attributes["document"] = printable(result.page.document)
    # "--" must not stand inside a comment, so hyphens in values become entities when they could end it.
    inner = " ".join(
        f'{key}="{html.escape(value).replace("--", "&#45;&#45;").replace("->", "&#45;>")}"'
        for key, value in attributes.items()
    )
    return f"<!-- visionocr {inner} -->"


def _title(page: PageRef) -> str:
    text = page_label(page)
    return text[0].upper() + text[1:] if page.number and page.pages != 1 else text


def _escape(text: str) -> str:
    """Text that Markdown shows as it stands."""
    return "".join(f"\\{char}" if char in "\\`*_[]<>#" else char for char in text)
