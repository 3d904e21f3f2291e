"""Puts the words of a page's text into the places of its lines."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate, groupby
from operator import itemgetter

from visionocr.answers.align import align
from visionocr.answers.signs import place_signs
from visionocr.answers.word_boxes import word_boxes
from visionocr.blocks import Block, BlockKind
from visionocr.boxes import Box, PageSize, TextLine, Word, turn_box, turn_line
from visionocr.layout.lines import box_around, from_text_lines
from visionocr.layout.order import read_order
from visionocr.output.arrange import find_blocks
from visionocr.placed import PlacedBlock, PlacedPage
from visionocr.types import PageResult

POINTS_DPI = 300.0
"""Pixels an inch in which places on a PDF page are written: whole points would be too coarse."""
_LINE_PITCH = 1.3
"""Distance of two lines in heights of their letters."""
_ASPECT = 0.55
"""Width of a usual letter in heights of its line."""


def place_page(result: PageResult) -> PlacedPage:
    """The page with each word in its place.

    A word that differs from the line's has half the line's confidence. Words that stand in no line are left out; a
    line of the page of which the text has no word keeps its own. Without lines, the text of blocks fills their boxes.
    """
    size = result.size or PageSize(result.width, result.height)
    scale = POINTS_DPI / size.dpi if size.dpi else 1.0
    page = PlacedPage(
        number=result.page.number,
        width=max(1, round(size.width * scale)),
        height=max(1, round(size.height * scale)),
        dpi=POINTS_DPI if size.dpi else 0.0,
        image=result.page.document,
        model=result.model,
    )
    if not result.text:
        return page
    if result.turn in {90, 270}:
        size = PageSize(size.height, size.width, size.dpi)
    # What runs up or down the page as it is displayed is put in order where it runs from left to right.
    if result.lines:
        lines = [turn_line(line, result.turn) for line in result.lines]
        found = [replace(block, box=block.box and turn_box(block.box, result.turn)) for block in find_blocks(result)]
        blocks = tuple(_group(list(_fill_lines(result.text, lines)), found, size))
    else:
        boxes = ((block, block.box) for block in find_blocks(result))
        blocks = tuple(_fill_block(block, turn_box(box, result.turn), size) for block, box in boxes if box is not None)
    return replace(page, blocks=tuple(_turn_back(block, result.turn) for block in blocks))


def count_homeless(result: PageResult) -> int:
    """How many words of the text stand in no line."""
    if not result.lines:
        return 0 if any(block.box is not None for block in result.blocks) else len(result.text.split())
    return sum(word.line is None for word in align(result.text, result.lines).words)


def _fill_lines(text: str, lines: Sequence[TextLine]) -> Iterator[TextLine]:
    alignment = place_signs(text, align(text, lines))
    words: dict[int, list[Word]] = defaultdict(list)
    for word, box in sorted(
        zip(alignment.words, word_boxes(alignment), strict=True), key=lambda placed: (placed[0].begin, placed[0].start)
    ):
        if word.line is not None and box is not None:
            sure = lines[word.line].confidence * (1.0 if word.is_same else 0.5)
            words[word.line].append(Word(word.text, box, sure))
    for number, line in enumerate(lines):
        found = words.get(number)
        yield replace(line, text=" ".join(word.text for word in found), words=tuple(found)) if found else line


def _group(lines: list[TextLine], blocks: Sequence[Block], size: PageSize) -> Iterator[PlacedBlock]:
    """The lines in reading order, parted where another block of the answer begins, and its pictures between them."""
    places = from_text_lines(lines, size.width, size.height)
    numbers = {id(place): number for number, place in enumerate(places)}
    owners = _find_owners(lines, blocks)
    pictures = deque(
        (at, block.box) for at, block in enumerate(blocks) if block.kind is BlockKind.PICTURE and block.box
    )
    for part in read_order(places, size.width, size.height):
        members = [place for place in part if id(place) in numbers]
        whose = _close_gaps([owners[numbers[id(place)]] for place in members])
        for owner, run in groupby(zip(whose, members, strict=True), key=itemgetter(0)):
            while owner is not None and pictures and pictures[0][0] < owner:
                yield PlacedBlock(BlockKind.PICTURE, pictures.popleft()[1])
            found = [place for _, place in run]
            kind = BlockKind.TEXT if owner is None else blocks[owner].kind
            own = tuple(lines[numbers[id(place)]] for place in found)
            yield PlacedBlock(kind, box_around(found, size.width, size.height), own)
    yield from (PlacedBlock(BlockKind.PICTURE, box) for _, box in pictures)


def _find_owners(lines: Sequence[TextLine], blocks: Sequence[Block]) -> list[int | None]:
    """For each line, the number of the block with most of its letters; ``None`` where no block has any."""
    texts = ["" if block.kind is BlockKind.PICTURE else _text_of(block) for block in blocks]
    starts = list(accumulate((len(text) + 2 for text in texts), initial=0))
    votes: dict[int, Counter[int]] = defaultdict(Counter)
    for word in align("\n\n".join(texts), lines).words:
        if word.line is not None:
            votes[word.line][bisect_right(starts, word.start) - 1] += len(word.letters)
    return [votes[at].most_common(1)[0][0] if at in votes else None for at in range(len(lines))]


def _close_gaps(owners: Sequence[int | None]) -> list[int | None]:
    """The same, with lines between two of one block given to that block."""

    def follow(owners: Iterable[int | None]) -> list[int | None]:
        """The last known owner at each line."""
        last: int | None = None
        return [last := last if owner is None else owner for owner in owners]

    around = zip(owners, follow(owners), reversed(follow(reversed(owners))), strict=True)
    return [before if owner is None and before == behind else owner for owner, before, behind in around]


def _text_of(block: Block) -> str:
    return block.text or " ".join(cell.text for row in block.rows for cell in row)


def _turn_back(block: PlacedBlock, turn: int) -> PlacedBlock:
    """A block of a page that was turned clockwise, placed on the page as it is displayed."""
    lines = tuple(turn_line(line, -turn) for line in block.lines)
    return replace(block, box=turn_box(block.box, -turn), lines=lines)


def _fill_block(block: Block, box: Box, size: PageSize) -> PlacedBlock:
    """A block whose text is laid out in its box, in as many lines as letters of its size need."""
    text = " ".join(_text_of(block).split())
    if not text.strip() or block.kind is BlockKind.PICTURE:
        return PlacedBlock(block.kind, box)
    width, height = (box.right - box.left) * size.width, (box.bottom - box.top) * size.height
    letter = (width * height / (_ASPECT * _LINE_PITCH * len(text))) ** 0.5 or 1.0
    count = max(1, round(height / (_LINE_PITCH * letter)))
    words = text.split()
    per_line = max(1, -(-len(words) // count))
    texts = [" ".join(words[at : at + per_line]) for at in range(0, len(words), per_line)]
    step = (box.bottom - box.top) / len(texts)
    return PlacedBlock(
        block.kind,
        box,
        tuple(
            TextLine(line, Box(box.left, box.top + at * step, box.right, box.top + (at + 1) * step), confidence=0.5)
            for at, line in enumerate(texts)
        ),
    )
