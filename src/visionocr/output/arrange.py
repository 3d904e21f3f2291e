"""Arranges the pages of a document for its output: headers and footers, tables, what goes on over the end of a page."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import groupby

from visionocr.blocks import Block
from visionocr.formats.markdown import write_markdown
from visionocr.formats.markdown_reader import parse_markdown
from visionocr.formats.plain import write_plain
from visionocr.layout.pages import find_edges, join_pages
from visionocr.settings import Settings
from visionocr.types import Headers, PageResult, Status, Tables


def arrange(results: Iterable[PageResult], settings: Settings, *, markdown: bool) -> Iterator[PageResult]:
    """The same pages with their text as the settings want it. *markdown*: the texts are Markdown.

    Headers and footers are recognised by their place and because they repeat, so a page is given out when the next one
    or two are known. A page of which nothing changes keeps its text letter for letter.
    """
    if settings.headers is Headers.KEEP and settings.tables is Tables.AUTO and not settings.join_pages:
        yield from results
        return
    for _, document in groupby(results, lambda result: (result.page.document, result.page.digest)):
        # What failed may have held anything: nothing is joined over it.
        for _, run in groupby(document, lambda result: result.status is Status.FAILED):
            yield from _arrange_run(run, settings, markdown)


def find_blocks(result: PageResult) -> tuple[Block, ...]:
    """The blocks of a page, read from its text where nothing else gives them."""
    return result.blocks or parse_markdown(result.text)


def _arrange_run(results: Iterable[PageResult], settings: Settings, markdown: bool) -> Iterator[PageResult]:
    waiting: deque[tuple[PageResult, tuple[Block, ...]]] = deque()

    def pages() -> Iterator[tuple[Block, ...]]:
        for result in results:
            blocks = find_blocks(result)
            waiting.append((result, blocks))
            yield blocks

    marked = find_edges(pages())
    for blocks in join_pages(marked) if settings.join_pages else marked:
        result, before = waiting.popleft()
        text = _write(blocks, settings, markdown)
        if text == _write(before, Settings(), markdown):
            yield replace(result, blocks=blocks)
        else:
            yield replace(result, blocks=blocks, text=text)


def _write(blocks: tuple[Block, ...], settings: Settings, markdown: bool) -> str:
    if markdown:
        return write_markdown(blocks, settings.tables, settings.headers)
    return write_plain(blocks, settings.headers)
