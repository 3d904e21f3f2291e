"""Answers are weighed against the page's words: what is wrong is found, what is only written otherwise is not."""

from __future__ import annotations

import random

import pytest

from known_pages import WORDS, KnownPage, Token, change_words, make_page, tell, vocabulary
from skewed_pages import HEIGHT, WIDTH, price_list, skew
from visionocr.answers.compare import Comparison, compare
from visionocr.boxes import Box, TextLine
from visionocr.evidence import Doubt, DoubtKind, Evidence, Reference, Source
from visionocr.layout.lines import to_text_line
from visionocr.types import Finding, FindingKind, Severity

WHOLE = Box(0.0, 0.0, 1.0, 1.0)
LETTER = [
    "Harbour Office, Bridge Street 12",
    "Dear members of the committee,",
    "the annual account shows a balance of 1,234.50 dollars,",
    "which was examined on 12.05.2024 by our secretary.",
    "Chairs 12 149.00",
    "Tables 5 1,210.40",
    "With kind regards",
    "The secretary of the harbour office",
]


def reference(*texts: str, source: Source = Source.TEXT_LAYER, confidence: float = 1.0) -> Reference:
    """Lines from top to bottom, in the middle of the page."""
    lines = [
        TextLine(text, Box(0.1, 0.2 + at / 40, 0.9, 0.22 + at / 40), confidence)
        for at, text in enumerate(texts or LETTER)
    ]
    return Reference(source, tuple(lines), confidence)


def look(text: str, against: Reference | None = None, *, markdown: bool = True, region: Box = WHOLE) -> Comparison:
    """Compare an answer with the letter or with other lines."""
    return compare(text, against or reference(), None, markdown=markdown, region=region)


def kinds(comparison: Comparison) -> list[tuple[FindingKind, Severity]]:
    """The findings without their messages."""
    return [(finding.kind, finding.severity) for finding in comparison.findings]


ANSWER = "\n".join(LETTER)
TABLE = "| Chairs | 12 | 149.00 |\n|---|---|---|\n| Tables | 5 | 1,210.40 |"
MISSING, ADDED, NUMBERS = FindingKind.MISSING_TEXT, FindingKind.ADDED_TEXT, FindingKind.NUMBERS_DIFFER
OTHER = FindingKind.NOT_A_TRANSCRIPTION


@pytest.mark.parametrize("source", Source)
def test_the_same_words(source: Source) -> None:
    """There is nothing to say, and it is said with what they were compared."""
    assert look(ANSWER, reference(source=source)) == Comparison(checked_with=source.value)


@pytest.mark.parametrize(
    "answer",
    [
        "# " + ANSWER.replace("\n", "\n\n"),
        ANSWER.replace("\n", " "),
        ANSWER.replace("Chairs 12 149.00\nTables 5 1,210.40", TABLE),
        ANSWER.replace("Chairs 12 149.00", "<table><tr><td>Chairs</td><td>12</td><td>149.00</td></tr></table>"),
        ANSWER.replace("1,234.50", "1 234,50").replace("1,210.40", "1’210.40"),
        ANSWER.replace("1,234.50", "$1234.50"),
        ANSWER.replace("office", "oﬃce").replace("Harbour", "**HARBOUR**"),
        ANSWER.replace("149.00", "۱۴۹.۰۰"),
        ANSWER.replace("which was", "which[^1] was"),
        "\n".join(LETTER[4:] + LETTER[:4]),
        ANSWER.replace("secretary.", "secre-\ntary."),
        "![A letter with a drawing of a harbour and some ships](letter.png)\n\n" + ANSWER,
        ANSWER.replace("Tables", "[Tables](https://example.org/tables/of/2024)"),
        ANSWER.replace("Dear", "<!-- page 3 of 17, number 48213 -->Dear"),
    ],
)
@pytest.mark.parametrize("source", Source)
def test_ways_of_writing_are_no_doubts(answer: str, source: Source) -> None:
    """Markdown, tags, separators, ligatures, other digits, note marks, order and hyphens."""
    assert look(answer, reference(source=source)) == Comparison(checked_with=source.value)


def test_missing_lines() -> None:
    """They are counted, the first is quoted, and each is a doubt with its place."""
    comparison = look("\n".join(LETTER[:4] + LETTER[6:]))
    assert comparison.findings == (
        Finding(MISSING, "2 lines of the page's text layer are not in the answer, first: “Chairs 12 149.00”."),
    )
    lines = reference().lines[4:6]
    assert comparison.doubts == tuple(Doubt(DoubtKind.MISSING, "", line.text, line.box) for line in lines)


def test_added_words() -> None:
    """They are counted, and told as one doubt."""
    comparison = look(ANSWER.replace("Chairs", "Nobody had expected that outcome at all.\nChairs"))
    assert comparison.findings == (
        Finding(
            ADDED,
            "7 words of the answer are not in the page's text layer, "
            "first: “Nobody had expected that outcome at all.”.",
        ),
    )
    (doubt,) = comparison.doubts
    assert (doubt.kind, doubt.text, doubt.instead, doubt.box) == (
        DoubtKind.ADDED,
        "Nobody had expected that outcome at all.",
        "",
        None,
    )


def test_a_different_word() -> None:
    """One alone is only a remark, and a doubt that says what the page has."""
    comparison = look(ANSWER.replace("kind", "best"))
    assert kinds(comparison) == [(ADDED, Severity.INFO)]
    (doubt,) = comparison.doubts
    assert (doubt.kind, doubt.text, doubt.instead) == (DoubtKind.DIFFERENT, "best", "kind")
    assert doubt.box
    assert doubt.box.top == reference().lines[6].box.top


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("149.00", "194.00"),
        ("149.00", "14900"),
        ("149.00", "1,490.0"),
        ("1,234.50", "1,234.5"),
        ("1,234.50", "7,777.77"),
        ("1,210.40", "1,210"),
        ("12.05.2024", "12.06.2024"),
    ],
)
@pytest.mark.parametrize("source", Source)
def test_another_number(right: str, wrong: str, source: Source) -> None:
    """One is enough: digits altered, lost or moved."""
    comparison = look(ANSWER.replace(right, wrong), reference(source=source))
    name = "the page's text layer" if source is Source.TEXT_LAYER else "the second reader"
    message = f"1 number differs from {name}, first: “{wrong}” where it has “{right}”."
    assert comparison.findings == (Finding(NUMBERS, message),)
    (doubt,) = comparison.doubts
    assert (doubt.kind, doubt.text, doubt.instead) == (DoubtKind.NUMBER, wrong, right)


def test_a_dropped_page_number_stands_for_no_word() -> None:
    """A word that the second reader missed is not laid over it."""
    page = reference(*LETTER, "213", source=Source.SECOND_READER)
    comparison = look(ANSWER + " and bridge", page)
    assert [(doubt.kind, doubt.text) for doubt in comparison.doubts] == [
        (DoubtKind.ADDED, "and bridge"),
        (DoubtKind.MISSING, ""),
    ]


def test_a_lost_number_and_an_invented_one() -> None:
    """A number of the text layer that the answer left out, and one that stands nowhere."""
    lost = look(ANSWER.replace("Chairs 12 149.00", "Chairs 12"))
    assert lost.findings == (
        Finding(NUMBERS, "1 number differs from the page's text layer, first: “149.00” is missing."),
    )
    invented = look(ANSWER.replace("Dear members", "Dear 48213 members"))
    assert invented.findings == (
        Finding(NUMBERS, "1 number differs from the page's text layer, first: “48213”, which it does not have."),
    )


def test_what_a_second_reader_mistakes_is_no_doubt() -> None:
    """O and 0, l and 1; a text layer does not mistake them."""
    misread = [line.replace("12 149.00", "l2 149.OO") for line in LETTER]
    assert look(ANSWER, reference(*misread, source=Source.SECOND_READER)).doubts == ()
    assert [doubt.kind for doubt in look(ANSWER, reference(*misread)).doubts] == [DoubtKind.NUMBER] * 2


@pytest.mark.parametrize(
    ("right", "wrong", "confidence", "doubts", "findings"),
    [
        ("149.00", "194.00", 0.98, 1, [(NUMBERS, Severity.SUSPECT)]),
        ("149.00", "194.00", 0.972, 0, [(NUMBERS, Severity.INFO)]),
        ("149.00", "194.00", 0.96, 0, []),
        ("kind regards", "humble thanks", 0.98, 1, [(ADDED, Severity.SUSPECT)]),
        ("kind regards", "humble thanks", 0.972, 0, [(ADDED, Severity.INFO)]),
        ("kind regards", "humble thanks", 0.96, 0, []),
    ],
)
def test_the_confidence_of_the_line_decides(
    right: str, wrong: str, confidence: float, doubts: int, findings: list[object]
) -> None:
    """A second reader that is not sure of a line accuses nobody for it."""
    lines = reference(source=Source.SECOND_READER, confidence=confidence)
    comparison = look(ANSWER.replace(right, wrong), Reference(lines.source, lines.lines, 0.99))
    assert len(comparison.doubts) == doubts
    assert kinds(comparison) == findings
    assert comparison.checked_with == "second-reader"


@pytest.mark.parametrize("degrees", [0, 3, -6])
def test_a_skewed_page_raises_no_doubt(degrees: float) -> None:
    """The lines that a second reader finds on it are compared in the order of a straight page."""
    page = price_list()
    answer = "\n".join(f"{name.text} {price.text}" for name, price in zip(page[:30], page[30:], strict=True))
    lines = tuple(to_text_line(line, WIDTH, HEIGHT) for line in skew(page, degrees))
    against, evidence = Reference(Source.SECOND_READER, lines), Evidence(WIDTH, HEIGHT)
    assert compare(answer, against, evidence, markdown=True, region=WHOLE) == Comparison(checked_with="second-reader")


def test_an_unsure_second_reader_checks_nothing() -> None:
    """Whatever the answer is, and it is said."""
    comparison = look("Something else altogether", reference(source=Source.SECOND_READER, confidence=0.94))
    assert comparison.checked_with == ""
    assert comparison.findings == (
        Finding(
            FindingKind.LOW_CONFIDENCE,
            "The second reader could not check this page: its confidence is 0.94 of 1.",
            Severity.INFO,
        ),
    )


def test_a_script_that_the_second_reader_cannot_read() -> None:
    """It finds the numbers only, of which it is sure: the answer is not accused of the words."""
    text = "Комитет рассмотрел отчёт 1,234.50\nСовет решил 12.05.2024"
    comparison = look(text, reference("1,234.50", "12.05.2024", source=Source.SECOND_READER))
    assert comparison.checked_with == ""
    assert kinds(comparison) == [(FindingKind.LOW_CONFIDENCE, Severity.INFO)]
    assert "(Cyrillic)" in comparison.findings[0].message


def test_an_answer_in_another_script_than_the_page() -> None:
    """The second reader did read the page: then its script is no excuse."""
    text = "Комитет рассмотрел отчёт и решил увеличить совет гавани на следующий год"
    assert kinds(look(text, reference(source=Source.SECOND_READER))) == [(OTHER, Severity.SUSPECT)]


# --- what models do on purpose ---------------------------------------------------------------------------


def with_margins() -> Reference:
    """The letter with a header and a page number."""
    margins = (
        TextLine("Harbour Gazette, spring edition", Box(0.1, 0.03, 0.5, 0.05)),
        TextLine("317", Box(0.45, 0.95, 0.5, 0.97)),
    )
    return Reference(Source.TEXT_LAYER, (*margins, *reference().lines))


def test_headers_and_page_numbers_may_be_left_out() -> None:
    """That is a remark."""
    comparison = look(ANSWER, with_margins())
    assert comparison.findings == (
        Finding(
            MISSING,
            "2 lines of the page's text layer at its top or bottom, or in a picture, are not in the answer, "
            "first: “Harbour Gazette, spring edition”.",
            Severity.INFO,
        ),
    )


def test_labels_in_a_picture_may_be_left_out() -> None:
    """Where the answer marks a picture; else they are missing, as other lines are."""
    labels = ["Sales 2019", "Sales 2020"]
    assert kinds(look(ANSWER, reference(*LETTER, *labels))) == [(MISSING, Severity.SUSPECT)]
    assert kinds(look(ANSWER + "\n![Chart](chart.png)", reference(*LETTER, *labels))) == [(MISSING, Severity.INFO)]
    half = "\n".join(LETTER[:3]) + "\n![Chart](chart.png)"
    assert kinds(look(half)) == [(MISSING, Severity.SUSPECT)]


def test_text_that_is_drawn_twice() -> None:
    """As shadows and bold letters are in PDFs: it counts once. Equal lines elsewhere count."""
    lines = reference().lines
    shadow = tuple(
        TextLine(line.text, Box(line.box.left + 0.001, line.box.top + 0.001, line.box.right, line.box.bottom))
        for line in lines
    )
    assert look(ANSWER, Reference(Source.TEXT_LAYER, (*lines, *shadow))).findings == ()
    assert kinds(look(ANSWER, reference(*LETTER, *LETTER))) == [(MISSING, Severity.SUSPECT)]


def test_renumbered_lists() -> None:
    """Renderers of Markdown number lists themselves."""
    page = ["4) The harbour was closed", "5) The bridge was opened", "6) The market was moved"]
    text = "1. The harbour was closed\n2. The bridge was opened\n3. The market was moved"
    assert look(text, reference(*page)).findings == ()


def test_formulas_are_not_compared() -> None:
    """The text layer has their letters in its own order; a formula written otherwise is neither missing nor added."""
    page = ["The energy of the body is", "E = m c 2", "2 1", "where the speed is that of light"]
    text = "The energy of the body is\n\n$$E = \\frac{1}{2} mc^{2}$$\n\nwhere the speed is that of light"
    assert look(text, reference(*page)).findings == ()


def test_other_parts_of_the_page_do_not_count() -> None:
    """Of a page in several parts the lines of the part that was asked for are compared."""
    upper = Box(0.0, 0.0, 1.0, 0.295)
    assert look("\n".join(LETTER[:4]), region=upper).findings == ()
    assert kinds(look(ANSWER, region=upper)) == [(ADDED, Severity.SUSPECT)]


# --- other text altogether ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "The image shows a letter from an office. It speaks of an account and has a small list with two rows.",
        "Sehr geehrte Mitglieder des Ausschusses, der Jahresabschluss weist einen Saldo aus, den er prüfte.",
        "I'm sorry, but I can't help with this picture.",
        "Quarterly weather of the northern islands: rain fell on most days and winds were strong until late spring.",
    ],
)
@pytest.mark.parametrize("source", Source)
def test_no_transcription(text: str, source: Source) -> None:
    """A description, a translation, a refusal, the text of another page."""
    (finding,) = look(text, reference(source=source)).findings
    assert (finding.kind, finding.severity) == (OTHER, Severity.SUSPECT)
    assert finding.message.startswith("The answer is not the text of this page")


def test_a_page_with_few_words_proves_nothing() -> None:
    """A stamp and the description of a photo."""
    comparison = look("A photograph of a ship in front of a bridge.", reference("No. 7"))
    assert OTHER not in [finding.kind for finding in comparison.findings]


@pytest.mark.parametrize("language", ["chinese", "arabic", "hebrew"])
def test_other_scripts(language: str) -> None:
    """Good answers are not accused; a paragraph that is missing or invented is found."""
    joint = "" if language == "chinese" else " "
    for seed in range(4):
        words = WORDS[language].split()
        page = make_page(seed, words="".join(words) if language == "chinese" else words, joint=joint)
        against = Reference(Source.TEXT_LAYER, tuple(page.lines))
        assert look(tell(page.paragraphs, joint)[0], against).findings == ()
        short = [each for at, each in enumerate(page.paragraphs) if at != 1]
        assert (MISSING, Severity.SUSPECT) in kinds(look(tell(short, joint)[0], against))


def answers(seed: int) -> tuple[KnownPage, str]:
    """A page and its text."""
    page = make_page(seed, columns=2, hyphens=True)
    return page, tell(page.paragraphs)[0]


def test_every_altered_word_is_a_doubt() -> None:
    """Among hundreds: its text and what the page has instead."""
    for seed in range(4):
        page, _ = answers(seed)
        chance = random.Random(seed)
        changed: dict[str, str] = {}

        def change(word: str, chance: random.Random = chance, changed: dict[str, str] = changed) -> str | None:
            if len(word) < 6 or not word.isalpha() or chance.random() > 0.05:
                return None
            changed["x" + word[1:]] = word
            return "x" + word[1:]

        text = tell(change_words(page.paragraphs, change))[0]
        found = look(text, Reference(Source.TEXT_LAYER, tuple(page.lines))).doubts
        assert changed
        assert {word for doubt in found for word in doubt.text.split()} == set(changed)
        assert all(doubt.kind is DoubtKind.DIFFERENT for doubt in found)


def test_an_invented_paragraph_is_found() -> None:
    """Also where one of its length is missing."""
    for seed in range(4):
        page, _ = answers(seed)
        chance = random.Random(seed + 50)
        words = vocabulary(chance)
        invented = [Token(chance.choice(words), None) for _ in page.paragraphs[1]]
        parts = [page.paragraphs[0], invented, *page.paragraphs[2:]]
        found = kinds(look(tell(parts)[0], Reference(Source.TEXT_LAYER, tuple(page.lines))))
        assert (ADDED, Severity.SUSPECT) in found
        assert (MISSING, Severity.SUSPECT) in found


# --- without words -------------------------------------------------------------------------------------------


def by_print(text: str, letters: int | None, lines: int | None = 40, region: Box = WHOLE) -> Comparison:
    """Compare an answer with so much print."""
    evidence = Evidence(595, 842, print_lines=lines, print_letters=letters)
    return compare(text, None, evidence, markdown=True, region=region)


def test_the_length_of_an_answer() -> None:
    """Text is missing from one that is much shorter than the print; measures are right within a factor of 1.5."""
    text = "word " * 300
    assert by_print(text, 1200) == Comparison(checked_with="print")
    for measured in (800, 1800):
        assert by_print(text, measured).findings == ()
    assert kinds(by_print(text, 2600)) == [(MISSING, Severity.SUSPECT)]
    (finding,) = by_print(text, 2600).findings
    assert finding.message == "The answer has 1200 letters, the page about 2600: text is missing."


def test_text_about_an_empty_page() -> None:
    """Is suspect; more text than print on a page that has some is a remark: the measure may have missed the rest."""
    text = "The page shows a beautiful landscape with mountains and a river."
    assert kinds(by_print(text, 0, 0)) == [(ADDED, Severity.SUSPECT)]
    assert kinds(by_print(text * 20, 100, 3)) == [(ADDED, Severity.INFO)]
    assert by_print("17", 2, 1).findings == ()


def test_a_receipt_is_not_told_in_a_sentence() -> None:
    """A page of many short lines has many lines or cells in its answer."""
    sentence = "This is a receipt of a shop in the harbour with twelve articles, their prices and a total at the end."
    assert kinds(by_print(sentence, 130, 14)) == [(OTHER, Severity.SUSPECT)]
    rows = "".join(f"| bread {at} | 2.50 |\n" for at in range(12))
    assert by_print(rows, 130, 14).findings == ()


def test_print_that_is_not_known() -> None:
    """It was not measured, or only a part of the page was asked for, or there is no evidence at all."""
    assert by_print("word", None) == Comparison()
    assert by_print("word", 2000, region=Box(0.0, 0.0, 1.0, 0.5)) == Comparison()
    assert compare("word", None, None, markdown=True, region=WHOLE) == Comparison()


def test_a_text_layer_that_is_a_part_of_the_page() -> None:
    """What it has must be in the answer; what else stands there is not added, and its amount counts."""
    layer = reference("Received by the harbour office", "Number 48213")
    evidence = Evidence(595, 842, layer.lines, is_complete=False, print_lines=30, print_letters=1200)
    scan = "word " * 300

    def look_at(text: str) -> Comparison:
        return compare(text, layer, evidence, markdown=True, region=WHOLE)

    assert look_at(scan + "Received by the harbour office Number 48213").findings == ()
    assert kinds(look_at(scan)) == [(MISSING, Severity.SUSPECT)]
    assert kinds(look_at("Received by the harbour office Number 48213")) == [(MISSING, Severity.SUSPECT)]


def test_print_stands_in_for_a_second_reader_that_could_not_check() -> None:
    """Both are said."""
    unsure = reference(source=Source.SECOND_READER, confidence=0.5)
    evidence = Evidence(595, 842, print_lines=30, print_letters=1200)
    comparison = compare("word " * 20, unsure, evidence, markdown=True, region=WHOLE)
    assert comparison.checked_with == "print"
    assert kinds(comparison) == [(FindingKind.LOW_CONFIDENCE, Severity.INFO), (MISSING, Severity.SUSPECT)]


@pytest.mark.parametrize("text", ["", " \n"])
def test_an_empty_answer_is_not_compared(text: str) -> None:
    """Others judge that."""
    assert look(text) == Comparison()
