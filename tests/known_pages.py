"""Pages of lines with boxes, and answers to them of which is known in which line each word stands."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from visionocr.boxes import Box, TextLine

WORDS = {
    "english": """the of and to in a that was for with on as by at from which had were their its this not been have
        are""",
    "chinese": """委员会 审查了 前几年 的账目 并同意 成本上升 成员询问 原始估计 是否包括 土地价格 港口冬天
        街道桥梁 信件花园 教师市场 机器合同 历史旅行 车站天气 科学图书馆""",
    "arabic": """في من على أن إلى هذا التي لجنة تقرير حساب مجلس ميناء شتاء عضو شارع جسر رسالة حديقة معلم سوق آلة عقد
        تاريخ سؤال""",
    "hebrew": """של את על הוא זה לא עם ועדה דוח חשבון מועצה נמל חורף חבר רחוב גשר מכתב גינה מורה שוק מכונה חוזה
        היסטוריה""",
}
SYLLABLES = [
    f"{head}{vowel}{tail}"
    for head in (*"bcdfglmnprstv", "st", "tr", "pr")
    for vowel in "aeiou"
    for tail in ("", "", "n", "r", "s", "l", "ck")
]


@dataclass(frozen=True)
class Token:
    """A word of an answer and the line of the page in which it stands; ``None``: in none."""

    text: str
    line: int | None


Paragraph = list[Token]


@dataclass
class KnownPage:
    """Lines, and the paragraphs that they make up."""

    lines: list[TextLine] = field(default_factory=list)
    paragraphs: list[Paragraph] = field(default_factory=list)
    columns: list[int] = field(default_factory=list)
    """Of each paragraph: its column."""


def vocabulary(chance: random.Random, size: int = 1500) -> list[str]:
    """Made-up words, and the frequent ones of English more often than others."""
    made = {"".join(chance.choices(SYLLABLES, k=chance.randint(1, 4))) for _ in range(size)}
    return WORDS["english"].split() * (size // 60) + sorted(made)


def make_page(
    seed: int, *, columns: int = 1, words: Sequence[str] | None = None, joint: str = " ", hyphens: bool = False
) -> KnownPage:
    """A page of headings and paragraphs in one column or two; *hyphens*: long words are parted at the ends of lines."""
    chance = random.Random(seed)
    words = words or vocabulary(chance)
    page = KnownPage()
    for column in range(columns):
        top = 0.12
        for number in range(chance.randint(4, 6)):
            length = chance.randint(3, 5) if number % 3 == 0 else chance.randint(25, 70)
            said = [chance.choice(words) + ("," if joint and chance.random() < 0.1 else "") for _ in range(length)]
            if number % 3 and joint:
                said.insert(3, f"{chance.randint(100, 99999):,}")
            width = 72 // columns if joint else 30 // columns
            lines = wrap(said, width, joint, hyphens)
            page.paragraphs.append([])
            page.columns.append(column)
            for line in lines:
                text = joint.join(text for text, _ in line)
                left = 0.1 + column * 0.45
                page.lines.append(TextLine(text, Box(left, top, left + 0.8 / columns * len(text) / width, top + 0.012)))
                top += 0.015
                here = len(page.lines) - 1
                for text, continues in line:
                    if continues and page.paragraphs[-1]:  # the rest of a word that was parted
                        page.paragraphs[-1][-1] = Token(page.paragraphs[-1][-1].text[:-1] + text, None)
                    else:
                        page.paragraphs[-1].append(Token(text, here))
            top += 0.01
    return page


def wrap(words: Iterable[str], width: int, joint: str, hyphens: bool) -> list[list[tuple[str, bool]]]:
    """Lines of words; true for the second half of a word that was parted."""
    lines: list[list[tuple[str, bool]]] = [[]]
    room = width
    for word in words:
        if len(word) > room and lines[-1]:
            if hyphens and word.isalpha() and len(word) > 7 and room > 4:
                lines[-1].append((word[:4] + "-", False))
                lines.append([(word[4:], True)])
                room = width - len(word) + 4
                continue
            lines.append([])
            room = width
        lines[-1].append((word, False))
        room -= len(word) + len(joint)
    return lines


def make_table(seed: int, rows: int, columns: int) -> KnownPage:
    """A table with a line for every cell, many of them equal."""
    chance = random.Random(seed)
    page = KnownPage()
    for row in range(rows):
        page.paragraphs.append([])
        page.columns.append(0)
        for column in range(columns):
            text = chance.choice(["0.00", "100", "yes", "n/a"]) if column else f"{chance.choice(SYLLABLES)}{row * 7}"
            if column and chance.random() < 0.3:
                text = f"{chance.randint(1, 9999)}.{chance.randint(10, 99)}"
            left = 0.1 + column * 0.16
            page.lines.append(TextLine(text, Box(left, 0.05 + row * 0.02, left + 0.1, 0.065 + row * 0.02)))
            page.paragraphs[-1].append(Token(text, len(page.lines) - 1))
    return page


def tell(paragraphs: Iterable[Paragraph], joint: str = " ", between: str = "\n\n") -> tuple[str, dict[int, int | None]]:
    """An answer, and by the offset of each word the line in which it stands."""
    text, places = "", {}
    for paragraph in paragraphs:
        text += between if text else ""
        for at, token in enumerate(paragraph):
            text += joint if at else ""
            places[len(text)] = token.line
            text += token.text
    return text, places


def change_words(paragraphs: Sequence[Paragraph], change: Callable[[str], str | None]) -> list[Paragraph]:
    """The paragraphs with other words in place of those for which *change* gives one."""
    return [[Token(change(token.text) or token.text, token.line) for token in each] for each in paragraphs]


def misread(page: KnownPage, chance: random.Random, share: float) -> list[TextLine]:
    """The lines as an OCR engine gives them that reads a *share* of the letters wrong and loses some blanks."""

    def read(char: str) -> str:
        if char == " ":
            return "" if chance.random() < 0.05 else char
        return chance.choice("aeinort1l0") if chance.random() < share else char

    return [TextLine("".join(map(read, line.text)), line.box, 0.99) for line in page.lines]
