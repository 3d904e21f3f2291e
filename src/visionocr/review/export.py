"""The results as one HTML file to look at or to send: pictures embedded, nothing loaded from anywhere, no scripts."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterator, Sequence
from pathlib import Path

from visionocr.answers.align import align
from visionocr.boxes import Box
from visionocr.errors import DocumentError
from visionocr.evidence import Doubt
from visionocr.output.files import AtomicFile
from visionocr.review.book import Entry
from visionocr.review.desk import Desk
from visionocr.review.places import locate
from visionocr.types import PageImage

_SIDE = 1100
"""Longest side in pixels of a page's picture: print stays legible, and a page costs about 100 kB."""
_STYLE = """
:root { color-scheme: light dark; --ink: #1f2328; --paper: #fbfaf8; --surface: #fff; --line: #d5d2cb;
  --quiet: #5b626b; --mark: #ffe2a0; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e4df; --paper: #17191c; --surface: #1f2226; --line: #3a3f46;
  --quiet: #a3a9b1; --mark: #5c4712; } }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 1400px; padding: 16px;
  color: var(--ink); background: var(--paper); }
section { background: var(--surface); border: 1px solid var(--line); border-radius: 8px; margin: 18px 0;
  padding: 14px 18px; }
h1 { font-size: 20px; } h2 { font-size: 16px; margin: 0 0 8px; } .quiet { color: var(--quiet); }
.both { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 18px; align-items: start; }
@media (max-width: 800px) { .both { grid-template-columns: 1fr; } }
.sheet { position: relative; } .sheet img { width: 100%; display: block; }
.sheet b { position: absolute; background: rgba(255,183,40,.3); outline: 1.5px solid #b97500; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0;
  font: 14px/1.55 ui-monospace, "DejaVu Sans Mono", monospace; }
mark { background: var(--mark); color: inherit; } ul { padding-left: 18px; }
"""
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def export(desk: Desk, path: Path, *, title: str) -> int:
    """Write the pages under review to *path*, the doubtful ones first; how many. Raises ``OutputError``."""
    entries = desk.book.entries
    order = sorted(range(len(entries)), key=lambda index: entries[index].rank)
    file = AtomicFile(path)
    try:
        for part in _write(desk, order, title):
            file.write(part)
        file.commit()
    finally:
        file.discard()  # nothing is left to discard when all went well
    return len(entries)


def _write(desk: Desk, order: Sequence[int], title: str) -> Iterator[str]:
    name = html.escape(title)
    count = "1 page" if len(order) == 1 else f"{len(order)} pages, those with doubts first"
    yield (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{name}</title>\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>\n'
        f'<body><h1>{name}</h1><p class="quiet">{count}.</p>\n'
    )
    for index in order:
        entry = desk.book.entries[index]
        text = _mark(desk.book.read(index).text, entry.doubts) or '<span class="quiet">no text</span>'
        try:
            picture = _picture(desk.draw_page(index, _SIDE), entry.doubts)
        except DocumentError as error:
            picture = f'<p class="quiet">{html.escape(error.message)}</p>'
        yield (
            f"<section><h2>{html.escape(_heading(entry))}</h2>{_remarks(entry)}"
            f'<div class="both"><div class="sheet">{picture}</div><pre>{text}</pre></div>'
            "</section>\n"
        )
    yield "</body></html>\n"


def _heading(entry: Entry) -> str:
    page = f"{entry.document}, page {entry.number}" if entry.number else entry.document
    return f"{page}: {entry.status}" if entry.status else page


def _remarks(entry: Entry) -> str:
    missing = [f"Not in the text: {doubt.instead}" for doubt in entry.doubts if not doubt.text]
    remarks = [remark for remark in (entry.findings, *missing) if remark]
    return f"<ul>{''.join(f'<li>{html.escape(remark)}</li>' for remark in remarks)}</ul>" if remarks else ""


def _picture(image: PageImage, doubts: Sequence[Doubt]) -> str:
    data = base64.b64encode(image.data).decode()
    boxes = "".join(_box(doubt.box) for doubt in doubts if doubt.box is not None)
    return f'<img alt="" src="data:{image.media_type};base64,{data}">{boxes}'


def _box(box: Box) -> str:
    left, top, width, height = (
        100 * value for value in (box.left, box.top, box.right - box.left, box.bottom - box.top)
    )
    return f'<b style="left:{left:.2f}%;top:{top:.2f}%;width:{width:.2f}%;height:{height:.2f}%"></b>'


def _mark(text: str, doubts: Sequence[Doubt]) -> str:
    """The text with its doubtful words marked."""
    parts, at = [], 0
    for doubt, span in zip(doubts, locate(doubts, align(text, ()).words), strict=True):
        if span is None or span[0] < at:
            continue
        why = f"The page has: {doubt.instead}" if doubt.instead else "Not on the page"
        marked = f'<mark title="{html.escape(why)}">{html.escape(text[span[0] : span[1]])}</mark>'
        parts += [html.escape(text[at : span[0]]), marked]
        at = span[1]
    return "".join((*parts, html.escape(text[at:])))
