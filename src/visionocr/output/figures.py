"""The files of figures, and the links to them in the texts of pages."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from visionocr.blocks import Block, BlockKind
from visionocr.errors import OutputError
from visionocr.escaping import escape
from visionocr.formats.markdown import write_markdown
from visionocr.layout.figures import insert_figures
from visionocr.output.arrange import find_blocks
from visionocr.output.files import read_head, remove_leftovers, write_file
from visionocr.output.folder import make_folder, safe_name
from visionocr.output.writer import Sink
from visionocr.types import Figure, PageRef, PageResult, Status

_HEAD = 512
"""Bytes at the beginning of a PNG in which our mark stands."""
_UNLINKED = re.compile(r"!\[((?:[^\[\]]|\\[\[\]])*)\]\(\)")
"""A picture in Markdown that has no file."""
_LINKED = re.compile(rb"-p\d{4,}-\d+\.png\)")
"""The end of a link to a figure."""
_LINKING = {".md", ".txt", ".json", ".jsonl"}
"""Suffixes of outputs that link figures."""


class FigureFolder:
    """The folder that figures are written to. Never a file outside of it, never over one that is not ours.

    A file is named after the document, the page and a number. It holds a mark with the document's digest, so that a
    later run knows whose it is; of two documents with the same name the second has a part of its digest in the names.
    """

    def __init__(self, path: Path) -> None:
        """Make it where it is not there. Raises ``OutputError``."""
        make_folder(path)
        remove_leftovers(path)
        self.path = path

    def save(self, page: PageRef, number: int, png: bytes) -> str:
        """Write one figure of a page; its file's name. Raises ``OutputError``."""
        name = self._choose(page, number)
        write_file(self.path / name, png)
        return name

    def _choose(self, page: PageRef, number: int) -> str:
        stem = re.sub(r"[^\w.-]+", "-", safe_name(Path(page.document).stem))
        for part in (stem, f"{stem}-{page.digest[:12]}"):
            name = f"{part}-p{page.number:04}-{number}.png"
            if self._is_free(self.path / name, page):
                return name
        raise OutputError(f"{self.path / name} is a file of something else", "Give another folder for --figures.")

    def _is_free(self, path: Path, page: PageRef) -> bool:
        """Whether nothing is there, or a figure of the same document, which may be replaced."""
        if not os.path.lexists(path):
            return True
        return not path.is_symlink() and mark(page).encode() in read_head(path, _HEAD)


def mark(page: PageRef) -> str:
    """What is written into the figures of a document."""
    return f"visionocr {page.digest}"


def link_figures(result: PageResult, places: Sequence[int | None], *, markdown: bool) -> PageResult:
    """The page with links to its figures, whose paths are names of files without marks of Markdown.

    *places*: for each figure the number of the block that it shows; ``None`` where it is placed by its box.
    *markdown*: the text is Markdown and gets links; a text that a person has checked stays as it is.
    """
    before = find_blocks(result)
    shown = {place: figure for place, figure in zip(places, result.figures, strict=True) if place is not None}
    blocks = [_give(block, shown[at]) if at in shown else block for at, block in enumerate(before)]
    rest = [
        Block(BlockKind.PICTURE, escape(figure.text), box=figure.box, path=figure.path)
        for place, figure in zip(places, result.figures, strict=True)
        if place is None
    ]
    text = result.text
    if result.blocks and text == write_markdown(before):
        blocks = insert_figures(blocks, rest)
        linked = write_markdown(blocks)
    else:  # not a letter of it may change
        linked = _add_links(text, [block for block in blocks if block.kind is BlockKind.PICTURE], rest)
        blocks += rest
    is_fixed = not markdown or result.status is Status.CHECKED
    return replace(result, blocks=tuple(blocks), text=text if is_fixed else linked)


def _give(block: Block, figure: Figure) -> Block:
    return replace(block, path=figure.path, text=escape(figure.text) or block.text)


def _add_links(text: str, pictures: Sequence[Block], rest: Sequence[Block]) -> str:
    """The text with links in its pictures, where it has as many as there are blocks of them, and at its end."""
    if len(_UNLINKED.findall(text)) == len(pictures):
        following = iter(pictures)
        text = _UNLINKED.sub(lambda _: write_markdown([next(following)]), text)
    else:
        rest = [*(picture for picture in pictures if picture.path), *rest]
    return "\n\n".join([text, *(write_markdown([picture]) for picture in rest)]).lstrip("\n")


def has_links(output: Path) -> bool:
    """Whether an output that may be there links figures."""
    try:
        return output.suffix in _LINKING and _LINKED.search(output.read_bytes()) is not None
    except OSError:
        return False


class LinkedSink(Sink):
    """Passes pages on to another sink with the paths of their figures as they are from a folder."""

    def __init__(self, sink: Sink, figures: Path, folder: Path) -> None:
        """*figures*: where the figures are; *folder*: where what *sink* writes is."""
        self._sink = sink
        try:
            self._way = Path(os.path.relpath(figures, folder)).as_posix()
        except ValueError:  # another drive of Windows
            self._way = figures.absolute().as_posix()

    def write(self, result: PageResult) -> None:
        """Pass one page on."""
        text = result.text
        for name in {figure.path for figure in result.figures if figure.path}:
            text = text.replace(f"]({name})", f"]({_quote(self._find(name))})")
        figures = (replace(figure, path=self._find(figure.path)) for figure in result.figures)
        blocks = (replace(block, path=self._find(block.path)) if block.path else block for block in result.blocks)
        self._sink.write(replace(result, text=text, figures=tuple(figures), blocks=tuple(blocks)))

    def finish(self) -> None:
        """Finish the other sink."""
        self._sink.finish()

    def discard(self) -> None:
        """Discard the other sink."""
        self._sink.discard()

    def _find(self, name: str) -> str:
        return name if not name or self._way == "." else f"{self._way}/{name}"


def _quote(path: str) -> str:
    """A path as the destination of a link; letters of all scripts stay readable."""
    return re.sub(r"[^\w./~-]", lambda sign: quote(sign[0].encode("utf-8", "surrogateescape"), safe=""), path)
