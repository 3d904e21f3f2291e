"""Answers to pages of known text: good ones in several manners, and those of a bad model."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable
from copy import deepcopy

from evidence_pages import Page, Part, Speaker
from evidence_words import LATIN, WORDS

Answer = Callable[[Page, random.Random], str | None]
"""Makes an answer; ``None`` where the page does not suit."""


def markdown(page: Page, *, marks: bool = True, html: bool = False, marginal: bool = True) -> str:
    """The page's text as a good model gives it."""
    blocks = []
    for part in page.parts:
        if part.kind in ("header", "footer") and not marginal:
            continue
        if part.rows:
            blocks.append(_table(part.rows, html=html, marks=marks))
        elif marks and part.kind == "heading":
            blocks.append(f"## {part.text}")
        elif marks and part.kind == "item":
            blocks.append(f"- {part.text}")
        else:
            blocks.append(part.text)
    return "\n\n".join(blocks)


def _table(rows: list[list[str]], *, html: bool, marks: bool) -> str:
    if html:
        body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
        return f"<table>{body}</table>"
    if not marks:
        return "\n".join("  ".join(row) for row in rows)
    head, *body_rows = rows
    lines = [head, ["---"] * len(head), *body_rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _with(page: Page, parts: list[Part]) -> Page:
    return Page(page.layout, page.language, parts, page.font, page.size)


# --- good answers ----------------------------------------------------------------------------------------


def swap_halves(page: Page, _: random.Random) -> str:
    """Columns or other parts in another order."""
    cut = len(page.parts) // 2
    return markdown(_with(page, page.parts[cut:] + page.parts[:cut]))


def decorate(page: Page, chance: random.Random) -> str:
    """Bold words, escapes, numbered lists in place of bullets, code fences about tables."""
    text = re.sub(
        r"(?<=[ \n])([^\W\d_]{4,})(?= )",
        lambda word: f"**{word[1]}**" if chance.random() < 0.1 else word[1],
        markdown(page),
    )
    number = iter(range(1, 100))
    text = re.sub(r"^- ", lambda _: f"{next(number)}. ", text, flags=re.MULTILINE)
    return f"<!-- page -->\n![A line drawing of a bridge over a river](bridge.png)\n\n{text}"


def typeset(page: Page, chance: random.Random) -> str:
    """Other quotes, dashes, spaces and bullets than the page's, and full-width or raised digits left as they are."""
    text = markdown(page).replace("- ", "• ").replace("'", "’").replace("fi", "ﬁ").replace("–", "-")
    return re.sub(
        r"(\d),(\d{3})", lambda found: f"{found[1]}\u202f{found[2]}" if chance.random() < 0.5 else found[0], text
    )


def break_lines(page: Page, _: random.Random) -> str:
    """The page's words in lines of some length, as plain text."""
    text = markdown(page, marks=False)
    return re.sub(r"(\S+(?: \S+){8}) ", r"\1\n", text)


GOOD: dict[str, Answer] = {
    "Markdown": lambda page, _: markdown(page),
    "plain": lambda page, _: markdown(page, marks=False),
    "HTML tables": lambda page, _: markdown(page, html=True),
    "headers dropped": lambda page, _: markdown(page, marginal=False),
    "order swapped": swap_halves,
    "decorated": decorate,
    "typeset": typeset,
    "lines broken": break_lines,
}

# --- bad answers -----------------------------------------------------------------------------------------


def _body(page: Page) -> list[int]:
    return [at for at, part in enumerate(page.parts) if part.kind == "text" and len(part.text) > 60]


def drop_paragraph(page: Page, chance: random.Random) -> str | None:
    """One paragraph left out."""
    if not (body := _body(page)):
        return None
    gone = chance.choice(body)
    return markdown(_with(page, [part for at, part in enumerate(page.parts) if at != gone]))


def drop_rows(page: Page, chance: random.Random) -> str | None:
    """A fifth of a table's rows left out."""
    changed = deepcopy(page)
    tables = [part for part in changed.parts if len(part.rows) > 5]
    if not tables:
        return None
    rows = tables[0].rows
    first = chance.randrange(1, len(rows) - len(rows) // 5)
    del rows[first : first + max(1, len(rows) // 5)]
    return markdown(changed)


def invent_paragraph(page: Page, chance: random.Random) -> str:
    """A paragraph that the page does not have."""
    parts = list(page.parts)
    parts.insert(chance.randint(1, len(parts)), Part("text", Speaker(chance, page.language).paragraph(35)))
    return markdown(_with(page, parts))


def replace_paragraph(page: Page, chance: random.Random) -> str | None:
    """An invented paragraph in the place of one of about its length."""
    if not (body := _body(page)):
        return None
    parts = list(page.parts)
    at = chance.choice(body)
    length = len(parts[at].text.split()) if page.joint else len(parts[at].text) // 2
    parts[at] = Part("text", Speaker(chance, page.language).paragraph(max(6, length - 4)))
    return markdown(_with(page, parts))


def alter_words(page: Page, chance: random.Random) -> str | None:
    """Every sixth word another one."""
    if not page.joint:
        return None
    speaker = Speaker(chance, page.language)
    return re.sub(
        r"(?<![\w<|])[^\W\d_]{2,}(?![\w>])",
        lambda word: speaker.phrase(1).lower() if chance.random() < 0.17 else word[0],
        markdown(page),
    )


def alter_digits(page: Page, chance: random.Random) -> str | None:
    """Every third number with another digit."""
    text = markdown(page)
    if len(re.findall(r"\d{3,}", text)) < 4:
        return None
    return re.sub(r"\d{2,}", lambda found: _other_digit(found[0], chance) if chance.random() < 0.33 else found[0], text)


def _other_digit(number: str, chance: random.Random) -> str:
    at = chance.randrange(len(number))
    return number[:at] + chance.choice([digit for digit in "0123456789" if digit != number[at]]) + number[at + 1 :]


def alter_amount(page: Page, chance: random.Random) -> str | None:
    """One amount with another digit, two digits swapped, one lost, or the decimal point moved."""
    text = markdown(page)
    amounts = list(re.finditer(r"(?<![\w.,/-])\d{1,3}(?:,\d{3})*\.\d\d(?![\w.,/-])", text))
    if not amounts:
        return None
    found = chance.choice(amounts)
    amount = found[0]
    match chance.randrange(4):
        case 0:
            amount = _other_digit(amount.replace(",", ""), chance) if "." not in amount else _alter_at(amount, chance)
        case 1:
            swapped = re.sub(r"(\d)(?!\1)(\d)", r"\2\1", amount, count=1)
            amount = swapped if swapped != amount else _alter_at(amount, chance)
        case 2:
            amount = amount[1:] if amount[1].isdigit() else amount[:-1]
        case _:
            amount = amount.replace(".", "").replace(",", "")
            amount = f"{amount[:-1]}.{amount[-1]}"
    return text[: found.start()] + amount + text[found.end() :]


def _alter_at(amount: str, chance: random.Random) -> str:
    places = [at for at, char in enumerate(amount) if char.isdigit()]
    at = chance.choice(places)
    return amount[:at] + chance.choice([digit for digit in "0123456789" if digit != amount[at]]) + amount[at + 1 :]


def summarise(page: Page, chance: random.Random) -> str:
    """A fifth of the page's words in other sentences."""
    text = " ".join(part.text for part in page.parts)
    found = text.split() if page.joint else re.findall(r"..", text)
    found = chance.sample(found, max(1, len(found) // 5))
    opening = Speaker(chance, page.language).paragraph(12)
    return opening + page.joint + page.joint.join(found) + "."


_SCENES = (
    """The image shows a page of a printed document with a heading, several paragraphs of text and a page number at the
bottom. The text is arranged in {columns} and is written in {language}.""",
    """This is a scanned {layout}. At the top there is a title in larger letters. Below it one can see lines of text and
figures. The paper is white and the print is black; there are no pictures.""",
    """A {layout} in {language}. It contains names, dates and amounts in rows. The document seems to be official,
perhaps from an office or a company, and was probably made with a computer.""",
)
_REFUSALS = (
    "I'm sorry, but I can't help with transcribing this document.",
    "The picture is not clear enough for me to make out what is written.",
    "As far as I can tell this page holds personal data, which I would rather not copy.",
    "Leider ist es mir nicht möglich, den Inhalt dieser Seite wiederzugeben.",
    "抱歉，我无法识别这张图片中的文字。",
)


def describe(page: Page, chance: random.Random) -> str:
    """A description of the page in English."""
    columns = "two columns" if page.layout == "columns" else "one column"
    return chance.choice(_SCENES).format(layout=page.layout, language=page.language.title(), columns=columns)


def refuse(_: Page, chance: random.Random) -> str:
    """A refusal."""
    return chance.choice(_REFUSALS)


def other_page(page: Page, chance: random.Random) -> str:
    """The text of another page of the same language."""
    speaker = Speaker(chance, page.language)
    return "\n\n".join(speaker.paragraph(chance.randint(20, 60)) for _ in range(4))


def translate(page: Page, chance: random.Random) -> str:
    """Words of another language in place of the page's; numbers and names stay."""
    language = chance.choice([other for other in LATIN if other != page.language])
    speaker = Speaker(chance, language)
    pattern = r"[^\W\d_]{2,}" if page.joint else r"[^\x00-\u024f、。]{1,3}"
    return re.sub(pattern, lambda _: speaker.phrase(1) + ("" if page.joint else " "), markdown(page, html=False))


def loop(page: Page, _: random.Random) -> str:
    """The beginning, and then a sentence of it again and again."""
    text = markdown(page)
    start = text[: len(text) // 3]
    return start + "\n" + (start[-40:] + " ") * 30


def cut(page: Page, _: random.Random) -> str:
    """The page up to two thirds."""
    text = markdown(page)
    return text[: len(text) * 2 // 3]


BAD: dict[str, Answer] = {
    "paragraph dropped": drop_paragraph,
    "rows dropped": drop_rows,
    "paragraph invented": invent_paragraph,
    "paragraph replaced": replace_paragraph,
    "words altered": alter_words,
    "digits altered": alter_digits,
    "summary": summarise,
    "description": describe,
    "refusal": refuse,
    "other page": other_page,
    "translated": translate,
    "loop": loop,
    "cut": cut,
}
AMOUNT = "one amount altered"
ABOUT = ("summary", "description", "refusal")


def share_wrong(page: Page, answer: str) -> float:
    """The share of words that are wrong: of the page's that are missing or the answer's that are added, the larger."""

    def count(text: str) -> Counter[str]:
        return Counter(re.findall(r"\w+" if page.joint else r"[\x00-\u02ff]+|\w", text))

    right, given = count(markdown(page, marks=False)), count(answer)
    missing = (right - given).total() / max(1, right.total())
    return max(missing, (given - right).total() / max(1, given.total()))


LANGUAGES = tuple(WORDS)
