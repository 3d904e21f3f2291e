"""Every family's answer becomes the same Markdown, and what is none of these formats stays as it is."""

from __future__ import annotations

from dataclasses import astuple

import pytest

from answer_samples import DOCTAGS, SAMPLES, Sample
from visionocr.blocks import BlockKind
from visionocr.formats.answer import Converted, convert_answer, parse_answer, recognise
from visionocr.prompting.library import Library
from visionocr.types import AnswerFormat, FindingKind, Headers, Severity, Tables

LIBRARY = Library()
TRANSCRIBE, TEXT, DESCRIBE = (LIBRARY.task(name) for name in ("transcribe", "text", "describe"))
CHATML = LIBRARY.preset("chatml")


def convert(sample: Sample, **options: object) -> Converted:
    """A sample, converted for its preset, on a picture of 1000 x 1000 pixels."""
    preset = LIBRARY.preset(sample.preset)
    options = {"width": 1000, "height": 1000, "expected": sample.expected, "headers": Headers.DROP} | options
    return convert_answer(sample.text, preset, TRANSCRIBE, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", SAMPLES)
def test_the_page_comes_out(name: str) -> None:
    """A whole answer becomes the Markdown of the page, whatever format it came in."""
    assert convert(SAMPLES[name]).text == SAMPLES[name].page


@pytest.mark.parametrize("name", SAMPLES)
def test_converting_again_changes_nothing(name: str) -> None:
    """What came out is Markdown without marks."""
    text = convert(SAMPLES[name]).text
    assert convert_answer(text, CHATML, TRANSCRIBE).text == text


BOXED = {
    "doctags": (0.06, 0.08, 0.9, 0.12),
    "json": (60 / 1008, 80 / 1008, 900 / 1008, 120 / 1008),
    "chandra": (0.06, 0.08, 0.9, 0.12),
    "qwen": (60 / 1008, 80 / 1008, 900 / 1008, 120 / 1008),
    "deepseek": (60 / 999, 80 / 999, 900 / 999, 120 / 999),
    "without_tokens": (60 / 999, 80 / 999, 900 / 999, 120 / 999),
    "unlimited": (60 / 999, 80 / 999, 900 / 999, 120 / 999),
    "words": (60 / 999, 80 / 999, 900 / 999, 120 / 999),
    "hy_meta": (0.06, 0.08, 0.9, 0.12),
    "spots": (0.06, 0.08, 0.9, 0.12),
}


@pytest.mark.parametrize("name", BOXED)
def test_boxes_become_fractions_of_the_picture(name: str) -> None:
    """The place of the heading is found whatever its numbers are measured in."""
    heading = next(block for block in convert(SAMPLES[name]).blocks if "Tides" in block.text)
    assert heading.box is not None
    assert astuple(heading.box) == pytest.approx(BOXED[name])


PLACED = ["json", "chandra", "deepseek", "hunyuan", "lighton", "olmocr", "qwen_markdown", "qwen"]


@pytest.mark.parametrize("name", PLACED)
def test_pictures_keep_their_places(name: str) -> None:
    """A figure can be cut out of the page."""
    picture = next(block for block in convert(SAMPLES[name]).blocks if block.kind is BlockKind.PICTURE)
    assert picture.box is not None
    assert astuple(picture.box) == pytest.approx((0.06, 0.46, 0.9, 0.7), abs=0.01)


def test_headers_and_footers() -> None:
    """They stand where the model read them, or become comments, or go, as is asked."""
    kept = convert(DOCTAGS, headers=Headers.KEEP)
    assert kept.text.startswith("Harbour report 12\n\n# Tides")
    assert kept.text.endswith("☐ posted\n\n7")
    hidden = convert(DOCTAGS, headers=Headers.COMMENT).text
    assert hidden.startswith("<!-- header: Harbour report 12 -->\n\n# Tides")
    assert hidden.endswith("<!-- page-number: 7 -->")
    kinds = [block.kind for block in convert(DOCTAGS, headers=Headers.DROP).blocks]
    assert (kinds[0], kinds[-1]) == (BlockKind.HEADER, BlockKind.PAGE_NUMBER)


def test_tables_in_html_on_request() -> None:
    """A table that pipes could hold is written in HTML when that is asked for."""
    assert "<tr><th>Day</th><th>Height</th></tr>\n<tr><td>Mon</td>" in convert(DOCTAGS, tables=Tables.HTML).text


def test_plain_text() -> None:
    """A task that asks for plain text gets the page without marks."""
    text = convert_answer(DOCTAGS.text, LIBRARY.preset("granite-docling"), TEXT).text
    assert text.startswith("Harbour report 12\n\nTides at Pier 4\n\nLevels $h_0$ rose at p < 0.05.\n\n")
    assert "\n\nDay\tHeight\nMon\t1.2\n\n" in text
    assert text.endswith("Figure 2: Boats\n\n☑ paid\n\n☐ posted\n\n7")


# --- what is not converted ------------------------------------------------------------------------------------------

ABOUT = [
    f"The format:\n\n```xml\n{DOCTAGS.text}\n```\n",
    "Models write `<|ref|>title<|/ref|><|det|>[[1, 2, 3, 4]]<|/det|>` and `<fcel>a<nl>`.",
    "Use the <table> element, then <watermark>, and mind that 5 <6.",
    'A long text about places on pages and how they are written down by models. <div data-bbox="1 2 3 4">x</div>',
    '```json\n[{"bbox": [1, 2, 3, 4], "category": "Text", "text": "a"}]\n```',
    "text [1, 2] and [3, 4, 5, 6] are intervals; see \\[3\\], and write \\(see below\\) if you must.",
    "# A heading\n\n- an item\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n$$\nx\n$$",
    "Points (1,2),(3,4) lie on the line.",
    "list [1, 2, 3, 4] holds four numbers",
    "",
]


@pytest.mark.parametrize("text", ABOUT)
def test_plain_markdown_is_untouched(text: str) -> None:
    """Markdown, also about these formats, passes to the letter, and has no blocks."""
    assert parse_answer(text) is None
    assert convert_answer(text, CHATML, TRANSCRIBE) == Converted(text)


@pytest.mark.parametrize("name", SAMPLES)
def test_descriptions_are_untouched(name: str) -> None:
    """A task that describes a picture gets what the model says."""
    text = SAMPLES[name].text
    assert convert_answer(text, LIBRARY.preset(SAMPLES[name].preset), DESCRIBE).text == text


def test_formulas_between_dollars() -> None:
    """LaTeX's own delimiters become dollar signs, but not in code."""
    text = convert_answer("Text \\(x\\), `\\(y\\)`.\n\n\\[\nx = 1\n\\]\n\nSo \\[z^2\\] is.", CHATML, TRANSCRIBE).text
    assert text == "Text $x$, `\\(y\\)`.\n\n$$\nx = 1\n$$\n\nSo $z^2$ is."


def test_markdown_from_a_model_of_html() -> None:
    """A model that falls back on Markdown is not read as HTML, which would make text of its marks."""
    answer = "# Tides\n\n<table><tr><td>a</td></tr></table>\n\n- an *item*\n- another one"
    converted = convert_answer(answer, LIBRARY.preset("chandra-ocr-2"), TRANSCRIBE)
    assert converted.text == "# Tides\n\n| a |\n| --- |\n\n- an *item*\n- another one"
    assert [found.kind for found in converted.findings] == [FindingKind.FORMAT]


def test_an_answer_without_text_is_empty() -> None:
    """The word of olmOCR for an empty page, DocTags without text, and places without words are no text."""
    for text in ("null", "<doctag></doctag>", "(156,68),(783,758)"):
        assert convert_answer(text, LIBRARY.preset("granite-docling"), TRANSCRIBE).text == ""


# --- what is said about it -------------------------------------------------------------------------------------------


def test_lost_special_tokens_are_reported() -> None:
    """Places without names of blocks become paragraphs, and the finding names the remedy."""
    answer = "<loc_30><loc_40><loc_450><loc_60>Tides at Pier 4<loc_30><loc_65><loc_450><loc_110>Levels rose"
    converted = convert_answer(answer, LIBRARY.preset("granite-docling"), TRANSCRIBE)
    assert converted.text == "Tides at Pier 4\n\nLevels rose"
    assert [(found.kind, found.severity) for found in converted.findings] == [(FindingKind.FORMAT, Severity.INFO)]
    assert "--special" in converted.findings[0].message


def test_another_format_than_expected_is_reported() -> None:
    """Markdown from a model of DocTags passes, with a remark; for a user's own prompt it is what was asked for."""
    preset = LIBRARY.preset("granite-docling")
    assert [found.kind for found in convert_answer("# A", preset, TRANSCRIBE).findings] == [FindingKind.FORMAT]
    assert not convert_answer("# A", preset, TRANSCRIBE, expected=AnswerFormat.MARKDOWN).findings
    assert not convert(DOCTAGS).findings


@pytest.mark.parametrize("name", SAMPLES)
def test_formats_are_recognised_whatever_the_preset_says(name: str) -> None:
    """A user's own prompt makes a model answer in a format that its preset does not know of."""
    sample = SAMPLES[name]
    if name not in {"spots", "plain_html"}:  # look like ordinary text, unless they were asked for
        assert recognise(sample.text) is recognise(sample.text, sample.expected or AnswerFormat.MARKDOWN)
        assert convert_answer(sample.text, CHATML, TRANSCRIBE, headers=Headers.DROP).text == sample.page


@pytest.mark.parametrize("wrong", ['"999 80 1400 120"', '"900 80 60 1200"'])
def test_one_box_outside_the_picture_discredits_all(wrong: str) -> None:
    """Numbers beyond their scale show that the scale is another: then no box is believed, and no text is dropped."""
    sample = SAMPLES["chandra"]
    answer = sample.text.replace('"60 80 900 120"', wrong)
    converted = convert_answer(answer, LIBRARY.preset(sample.preset), TRANSCRIBE, headers=Headers.DROP)
    assert converted.text == sample.page
    assert not any(block.box for block in converted.blocks)


@pytest.mark.parametrize("name", ["doctags", "json", "chandra"])
def test_a_cut_answer_says_so(name: str) -> None:
    """The block in which an answer ended is marked."""
    sample = SAMPLES[name]
    text = sample.text[: sample.text.index("rose")]
    blocks = convert_answer(text, LIBRARY.preset(sample.preset), TRANSCRIBE, expected=sample.expected).blocks
    assert blocks[-1].is_cut
    assert not any(block.is_cut for block in blocks[:-1])
