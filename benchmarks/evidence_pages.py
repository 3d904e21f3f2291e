"""Pages of known text in ten languages, drawn with PyMuPDF: letters, reports, columns, tables, forms and receipts."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pymupdf
from PIL import Image, ImageFilter

from evidence_words import LATIN, UNSPACED, WORDS, words

_mupdf: Any = pymupdf
LAYOUTS = ("letter", "report", "columns", "table", "form", "receipt")
_FONTS = ("helv", "tiro", "cour")


@dataclass
class Part:
    """A paragraph, heading, list item or table of a page."""

    kind: str
    """``heading``, ``text``, ``item``, ``table``, ``header`` or ``footer``."""
    text: str = ""
    rows: list[list[str]] = field(default_factory=list)


@dataclass
class Page:
    """A page before it is drawn: its parts in reading order."""

    layout: str
    language: str
    parts: list[Part]
    font: str
    size: float
    """Of the letters, in points."""

    @property
    def joint(self) -> str:
        """What stands between two words."""
        return "" if self.language in UNSPACED else " "


def make_page(chance: random.Random, layout: str, language: str) -> Page:
    """A page of random text."""
    font = chance.choice(_FONTS) if language in LATIN or language in ("russian", "greek") else "cjk"
    page = Page(layout, language, [], font, chance.uniform(8.5, 11.5))
    say = Speaker(chance, language)
    if layout in ("letter", "report", "columns", "table") and chance.random() < 0.7:
        page.parts.append(Part("header", say.phrase(chance.randint(2, 5))))
    if layout == "letter":
        page.parts += [Part("text", say.address()), Part("heading", say.phrase(4))]
        page.parts += [Part("text", say.paragraph(chance.randint(25, 80))) for _ in range(chance.randint(3, 6))]
        page.parts += [Part("item", say.paragraph(chance.randint(5, 12))) for _ in range(chance.randint(0, 4))]
    elif layout in ("report", "columns"):
        for _ in range(chance.randint(2, 4) if layout == "report" else chance.randint(3, 5)):
            page.parts.append(Part("heading", say.phrase(chance.randint(2, 5))))
            page.parts += [Part("text", say.paragraph(chance.randint(20, 90))) for _ in range(chance.randint(1, 2))]
    elif layout == "table":
        page.parts += [Part("heading", say.phrase(4)), Part("text", say.paragraph(30))]
        columns = chance.randint(3, 5)
        rows = [[say.phrase(1) for _ in range(columns)]]
        for _ in range(chance.randint(8, 22)):
            cells = [
                say.amount() if chance.random() < 0.8 else chance.choice(["0.00", "–", "100"])
                for _ in range(columns - 1)
            ]
            rows.append([say.phrase(chance.randint(1, 2)), *cells])
        page.parts.append(Part("table", rows=rows))
        page.parts.append(Part("text", say.paragraph(20)))
    elif layout == "form":
        page.parts.append(Part("heading", say.phrase(3)))
        rows = [
            [say.phrase(chance.randint(1, 2)) + ":", chance.choice([say.name, say.date, say.amount, say.number])()]
            for _ in range(chance.randint(9, 16))
        ]
        page.parts += [Part("table", rows=rows), Part("text", say.paragraph(25))]
    else:
        page.parts += [Part("heading", say.name().upper()), Part("text", say.address())]
        rows = [[say.phrase(chance.randint(1, 2)), say.amount()] for _ in range(chance.randint(5, 14))]
        page.parts += [Part("table", rows=[*rows, [say.phrase(1).upper(), say.amount()]])]
        page.parts.append(Part("text", f"{say.date()} {say.number()}"))
    if layout in ("letter", "report", "columns") and chance.random() < 0.8:
        page.parts.append(Part("footer", f"{chance.randint(1, 300)}"))
    return page


class Speaker:
    """Makes text of a language."""

    def __init__(self, chance: random.Random, language: str) -> None:
        self._chance = chance
        self._words = words(language)
        # Frequent words first, as in any language.
        self._weights = [1 / (rank + 4) for rank in range(len(self._words))]
        self.joint = "" if language in UNSPACED else " "
        self._is_unspaced = language in UNSPACED
        self._is_latin = language in LATIN

    def _take(self, count: int) -> list[str]:
        return self._chance.choices(self._words, self._weights, k=count)

    def phrase(self, count: int) -> str:
        """A few words that are not the most frequent ones."""
        text = self.joint.join(self._chance.choice(self._words[15:]) for _ in range(count))
        return text[:1].upper() + text[1:]

    def paragraph(self, count: int) -> str:
        """Sentences of *count* words in all, with numbers, dates and names in them."""
        sentences = []
        while count > 0:
            length = min(count, self._chance.randint(6, 18))
            count -= length
            found = self._take(length)
            for _ in range(self._chance.choice([0, 0, 1, 1, 2])):
                special = self._chance.choice([self.amount, self.date, self.number, self.name])()
                found.insert(self._chance.randint(1, len(found)), special)
            if length > 9 and not self._is_unspaced:
                found[length // 2] += ","
            text = self.joint.join(found)
            sentences.append(text[:1].upper() + text[1:] + ("。" if self._is_unspaced else "."))
        return self.joint.join(sentences)

    def amount(self) -> str:
        """An amount of money or another quantity."""
        whole = self._chance.randint(1, 10 ** self._chance.randint(2, 5))
        return f"{whole:,}.{self._chance.randint(0, 99):02}" if self._chance.random() < 0.8 else f"{whole + 100:,}"

    def date(self) -> str:
        """A date."""
        day, month, year = self._chance.randint(1, 28), self._chance.randint(1, 12), self._chance.randint(1890, 2026)
        return self._chance.choice(
            [f"{day}.{month}.{year}", f"{year}-{month:02}-{day:02}", f"{day:02}/{month:02}/{year}"]
        )

    def number(self) -> str:
        """An identifier."""
        letters = "".join(self._chance.choices("ABCDEFGHKMNPRSTUVWXYZ", k=2))
        return f"{letters}-{self._chance.randint(1000, 999999)}"

    def name(self) -> str:
        """A name that no vocabulary has."""
        if not self._is_latin:
            return self.phrase(1)
        return "".join(self._chance.choices(["ka", "ro", "mi", "len", "dor", "vas", "ti", "ber", "sol"], k=3)).title()

    def address(self) -> str:
        """A line with a name, a street, a number and a date."""
        house, code = self._chance.randint(1, 200), self._chance.randint(10000, 99999)
        return f"{self.name()}, {self.phrase(1)} {house}, {code}, {self.date()}"


# --- drawing ---------------------------------------------------------------------------------------------


class _Pen:
    """Writes lines down a column of a PDF page."""

    def __init__(self, page: Page, pdf_page: Any, chance: random.Random) -> None:
        self._page = page
        self._pdf_page = pdf_page
        self._font = _mupdf.Font(page.font)
        self._chance = chance
        self.hyphenated = page.language in LATIN and chance.random() < 0.6

    def write(self, x: float, y: float, text: str, scale: float = 1.0) -> None:
        writer = _mupdf.TextWriter(self._pdf_page.rect)
        writer.append((x, y), text, font=self._font, fontsize=self._page.size * scale)
        writer.write_text(self._pdf_page)

    def width(self, text: str, scale: float = 1.0) -> float:
        width: float = self._font.text_length(text, fontsize=self._page.size * scale)
        return width

    def wrap(self, text: str, width: float, scale: float = 1.0) -> Iterator[str]:
        """The lines of a paragraph; long words are parted at the ends of some of them."""
        joint = self._page.joint
        pieces = text.split(" ") if joint else list(text)
        line = ""
        for piece in pieces:
            longer = f"{line}{joint}{piece}" if line else piece
            if self.width(longer, scale) <= width:
                line = longer
                continue
            cut = len(piece) // 2
            if self.hyphenated and cut > 3 and piece.isalpha() and self.width(f"{line} {piece[:cut]}-", scale) <= width:
                yield f"{line} {piece[:cut]}-"
                line = piece[cut:]
            else:
                yield line
                line = piece
        if line:
            yield line


def draw(page: Page, seed: int) -> Any | None:
    """The page as a PDF document of one page; ``None`` when there is not room for it."""
    chance = random.Random(seed)
    pdf = _mupdf.open()
    narrow = page.layout == "receipt"
    width, height, margin = (280.0, 420.0, 24.0) if narrow else (595.0, 842.0, 60.0)
    pen = _Pen(page, pdf.new_page(width=width, height=height), chance)
    columns = 2 if page.layout == "columns" else 1
    gutter = 20.0
    column_width = (width - 2 * margin - (columns - 1) * gutter) / columns
    pitch = page.size * 1.3
    x, y = margin, margin + 20
    bottom = height - margin - 15
    for part in page.parts:
        scale = 1.4 if part.kind == "heading" else 1.0
        if part.kind in ("header", "footer"):
            pen.write(margin, 34 if part.kind == "header" else height - 30, part.text, 0.85)
            continue
        lines = [[part.text]] if not part.rows else part.rows
        if part.text:
            indent = "• " if part.kind == "item" else ""
            lines = [[line] for line in pen.wrap(indent + part.text, column_width, scale)]
        step = column_width / max(len(row) for row in lines)
        for row in lines:
            if y > bottom and columns > 1 and x == margin:
                x, y = margin + column_width + gutter, margin + 20
            y += pitch * scale
            for at, cell in enumerate(row):
                pen.write(x + at * step, y, cell, scale)
        y += pitch * 0.7
    return None if y > bottom + pitch or _overlaps(pdf[0]) else pdf


def _overlaps(page: Any) -> bool:
    """Whether words stand on one another, or off the page."""
    boxes = [_mupdf.Rect(word[:4]) for word in page.get_text("words")]
    cores = [_mupdf.Rect(box.x0 - 1, (box.y0 + box.y1) / 2 - 1, box.x1, (box.y0 + box.y1) / 2 + 1) for box in boxes]
    return any(not page.rect.contains(box) for box in boxes) or any(
        one.intersects(other) for at, one in enumerate(cores) for other in cores[:at]
    )


def picture_of(pdf: Any, *, scanned: bool, seed: int) -> bytes:
    """The page as a picture: a PNG of 150 dpi, or a scan as JPEG.

    Scans have 100 to 200 dpi, are slanted, soft, noisy and compressed, some of them heavily.
    """
    chance = random.Random(seed)
    pixmap = pdf[0].get_pixmap(dpi=chance.choice([100, 120, 150, 200]) if scanned else 150)
    if not scanned:
        png: bytes = pixmap.tobytes("png")
        return png
    image = Image.frombytes("RGB", (pixmap.width, pixmap.height), pixmap.samples).convert("L")
    image = image.rotate(chance.uniform(-0.6, 0.6), Image.Resampling.BICUBIC, fillcolor=255)
    image = image.filter(ImageFilter.GaussianBlur(chance.uniform(0.4, 1.2)))
    noise = Image.effect_noise(image.size, chance.uniform(8, 40)).point(lambda value: value - 20)
    image = Image.blend(image, noise, 0.15)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=chance.randint(30, 80))
    return buffer.getvalue()


def make_pages(seed: int, count: int) -> list[tuple[Page, Any]]:
    """Different pages that have room for their text, each with its PDF."""
    chance = random.Random(seed)
    languages = [*WORDS, "english", "english", "german"]
    found: list[tuple[Page, Any]] = []
    while len(found) < count:
        page = make_page(chance, LAYOUTS[len(found) % len(LAYOUTS)], chance.choice(languages))
        pdf = draw(page, chance.randrange(1 << 30))
        if pdf:
            found.append((page, pdf))
    return found
