"""Answers in the formats of the model families, written after their syntax: one page about tides in all of them.

Marks stand between « and », so that tests can damage them one by one and know which letters must survive.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from visionocr.types import AnswerFormat

TABLE = (
    "«<table>»«<tr>»«<td>»Day«</td>»«<td>»Height«</td>»«</tr>»«<tr>»«<td>»Mon«</td>»«<td>»1.2«</td>»«</tr>»«</table>»"
)
PAGE = """\
# Tides at Pier 4

Levels $h_0$ rose at p < 0.05.

| Day | Height |
| --- | --- |
| Mon | 1.2 |

$$
h = a \\sin(\\omega t)
$$

![Figure 2: Boats]()

☑ paid

☐ posted"""
"""What must come out of a whole sample, without headers, footers and page numbers."""


@dataclass(frozen=True, slots=True)
class Sample:
    """An answer with its marks marked."""

    preset: str
    """The name of a preset whose model answers like this."""
    marked: str
    page: str = PAGE
    expected: AnswerFormat | None = None
    """The format that was asked for, where it is not the preset's."""

    @property
    def text(self) -> str:
        """The answer as the model gives it."""
        return "".join(text for _, text in self.parts)

    @property
    def parts(self) -> list[tuple[bool, str]]:
        """The answer in parts, each with whether it is a mark."""
        pieces = re.split(r"«(.*?)»", self.marked, flags=re.DOTALL)
        return [(number % 2 == 1, piece) for number, piece in enumerate(pieces) if piece]


DOCTAGS = Sample(
    "granite-docling",
    "«<doctag>»«<page_header>»«<loc_30>»«<loc_15>»«<loc_450>»«<loc_25>»Harbour report 12«</page_header>»\n"
    "«<section_header_level_1>»«<loc_30><loc_40><loc_450><loc_60>»Tides at Pier 4«</section_header_level_1>»\n"
    "«<inline>»«<loc_30><loc_65><loc_450><loc_110>»«<text>»Levels«</text>»«<formula>»h_0«</formula>»"
    "«<text>»rose at p < 0.05.«</text>»«</inline>»\n"
    "«<otsl>»«<loc_30><loc_115><loc_450><loc_200>»"
    "«<ched>»Day«<ched>»Height«<nl>»«<fcel>»Mon«<fcel>»1.2«<nl>»«</otsl>»\n"
    "«<formula>»«<loc_30><loc_205><loc_450><loc_225>»h = a \\sin(\\omega t)«</formula>»\n"
    "«<picture>»«<loc_30><loc_230><loc_450><loc_350>»«<photograph>»«<caption>»«<loc_30><loc_352><loc_450><loc_360>»"
    "Figure 2: Boats«</caption>»«</picture>»\n"
    "«<checkbox_selected>»«<loc_30><loc_365><loc_200><loc_370>»paid«</checkbox_selected>»\n"
    "«<checkbox_unselected>»«<loc_30><loc_372><loc_200><loc_378>»posted«</checkbox_unselected>»\n"
    "«<page_footer>»«<loc_240><loc_475><loc_260><loc_485>»7«</page_footer>»",
)
DOCTAGS_LISTS = Sample(
    "smoldocling",
    "«<doctag>»«<title>»«<loc_30><loc_40><loc_450><loc_60>»Rules of the pier«</title>»\n«<ordered_list>»"
    "«<list_item>»«<loc_30><loc_65><loc_450><loc_70>»1. Boats first«</list_item>»\n"
    "«<list_item>»«<loc_30><loc_75><loc_450><loc_80>»Swimmers second«</list_item>»«<unordered_list>»"
    "«<list_item>»«<loc_40><loc_85><loc_450><loc_90>»· with <fins> & caps«</list_item>»"
    "«</unordered_list>»«</ordered_list>»\n"
    "«<code>»«<loc_30><loc_95><loc_450><loc_120>»«<_Python_>»if tide < 3:\n    wait()«</code>»\n"
    "«<text>»«<loc_30><loc_130><loc_450><loc_140>»Ask at the desk for details about all of this.«</text>»«</doctag>»",
    page="# Rules of the pier\n\n1. Boats first\n2. Swimmers second\n   - with \\<fins> & caps\n\n"
    "```python\nif tide < 3:\n    wait()\n```\n\nAsk at the desk for details about all of this.",
)
JSON = Sample(
    "dots-ocr",
    '«[{»«"bbox": [60, 30, 900, 50], »«"category": "Page-header", »«"text": "»Harbour report 12«"},»\n '
    '«{»«"bbox": [60, 80, 900, 120], »«"category": "Title", »«"text": "»# Tides at Pier 4«"},»\n '
    '«{»«"bbox": [60, 130, 900, 220], »«"category": "Text", »«"text": "»Levels $h_0$ rose at p < 0.05.«"},»\n '
    '«{»«"bbox": [60, 230, 900, 400], »«"category": "Table", »«"text": "»'
    f'{TABLE}«"}},»\n '
    '«{»«"bbox": [60, 410, 900, 450], »«"category": "Formula", »«"text": "»h = a \\\\sin(\\\\omega t)«"},»\n '
    '«{»«"bbox": [60, 460, 900, 700], »«"category": "Picture"»«},»\n '
    '«{»«"bbox": [60, 705, 900, 720], »«"category": "Caption", »«"text": "»Figure 2: Boats«"},»\n '
    '«{»«"bbox": [60, 730, 400, 750], »«"category": "Text", »«"text": "»☑ paid«"},»\n '
    '«{»«"bbox": [60, 760, 400, 780], »«"category": "Text", »«"text": "»☐ posted«"},»\n '
    '«{»«"bbox": [480, 950, 520, 970], »«"category": "Page-footer", »«"text": "»7«"}»«]»',
    expected=AnswerFormat.JSON,
)
CHANDRA = Sample(
    "chandra-ocr-2",
    '«<div data-bbox="60 30 900 50" data-label="Page-Header">»Harbour report 12«</div>»\n'
    '«<div data-bbox="60 80 900 120" data-label="Section-Header">»«<h1>»Tides at Pier 4«</h1>»«</div>»\n'
    '«<div data-bbox="60 130 900 220" data-label="Text">»«<p>»Levels «<math>»h_0«</math>»'
    " rose at p «&lt;» 0.05.«</p>»«</div>»\n"
    '«<div data-bbox="60 230 900 400" data-label="Table">»«<table border="1">»'
    "«<tr>»«<th>»Day«</th>»«<th>»Height«</th>»«</tr>»"
    "«<tr>»«<td>»Mon«</td>»«<td>»1.2«</td>»«</tr>»«</table>»«</div>»\n"
    '«<div data-bbox="60 410 900 450" data-label="Equation-Block">»'
    '«<math display="block">»h = a \\sin(\\omega t)«</math>»«</div>»\n'
    '«<div data-bbox="60 460 900 700" data-label="Figure">»«<img alt="»Figure 2: Boats«"/>»«</div>»\n'
    '«<div data-bbox="60 730 900 750" data-label="Form">»«<p>»«<input type="checkbox" checked/>» paid«</p>»'
    '«<p>»«<input type="checkbox"/>» posted«</p>»«</div>»\n'
    '«<div data-bbox="480 950 520 970" data-label="Page-Footer">»«<p>»7«</p>»«</div>»',
)
PLAIN_HTML = Sample(
    "chandra-ocr-2",
    "«<h1>»Tides at Pier 4«</h1>»\n«<p>»Levels «<math>»h_0«</math>» rose at p «&lt;» 0.05.«</p>»\n"
    "«<table>»«<thead>»«<tr>»«<th>»Day«</th>»«<th>»Height«</th>»«</tr>»«</thead>»"
    "«<tbody>»«<tr>»«<td>»Mon«</td>»«<td>»1.2«</td>»«</tr>»«</tbody>»«</table>»\n"
    '«<math display="block">»h = a \\sin(\\omega t)«</math>»\n«<p>»«<img alt="»Figure 2: Boats«"/>»«</p>»\n'
    "«<p>»☑ paid«</p>»«<p>»☐ posted«</p>»",
)
QWEN = Sample(
    "qwen2.5-vl",
    '«<html>»«<body>»\n«<h1 data-bbox="60 80 900 120">»Tides at Pier 4«</h1>»\n'
    '«<p data-bbox="60 130 900 220">»Levels $h_0$ rose at p «&lt;» 0.05.«</p>»\n'
    '«<table data-bbox="60 230 900 400">»«<tr>»«<td>»Day«</td>»«<td>»Height«</td>»«</tr>»'
    "«<tr>»«<td>»Mon«</td>»«<td>»1.2«</td>»«</tr>»«</table>»\n"
    '«<div class="formula" data-bbox="60 410 900 450">»h = a \\sin(\\omega t)«</div>»\n'
    '«<div class="image" data-bbox="60 460 900 700">»«<img/>»«</div>»\n'
    '«<div class="image caption" data-bbox="60 705 900 720">»Figure 2: Boats«</div>»\n'
    "«<p>»☑ paid«</p>»\n«<p>»☐ posted«</p>»\n«</body>»«</html>»",
    expected=AnswerFormat.HTML,
)
DEEPSEEK = Sample(
    "deepseek-ocr",
    "«<|ref|>»«title»«<|/ref|>»«<|det|>»«[[60, 80, 900, 120]]»«<|/det|>»\n# Tides at Pier 4  \n\n"
    "«<|ref|>text<|/ref|>»«<|det|>[[60, 130, 900, 220]]<|/det|>»\nLevels \\( h_0 \\) rose at p < 0.05.  \n\n"
    "«<|ref|>table<|/ref|>»«<|det|>[[60, 230, 900, 400]]<|/det|>»\n"
    f"{TABLE}\n\n"
    "«<|ref|>equation<|/ref|>»«<|det|>[[60, 410, 900, 450]]<|/det|>»\n\\[ h = a \\sin(\\omega t) \\]  \n\n"
    "«<|ref|>image<|/ref|>»«<|det|>[[60, 460, 900, 700]]<|/det|>»\n"
    "«<|ref|>image_caption<|/ref|>»«<|det|>[[60, 705, 900, 720]]<|/det|>»\n«<center>»Figure 2: Boats «</center>»  \n\n"
    "«<|ref|>text<|/ref|>»«<|det|>[[60, 730, 900, 740]]<|/det|>»\n☑ paid\n\n☐ posted",
)
WITHOUT_TOKENS = Sample("deepseek-ocr", re.sub(r"<\|/?(?:ref|det)\|>", "", DEEPSEEK.marked))
UNLIMITED = Sample(
    "deepseek-ocr",
    "«<|det|>title [60, 80, 900, 120]<|/det|>»# Tides at Pier 4\n«<|det|>text [60, 130, 900, 220]<|/det|>»Levels rose.",
    page="# Tides at Pier 4\n\nLevels rose.",
)
WORDS = Sample(
    "deepseek-ocr",
    "«<|ref|>»Tides at Pier 4«<|/ref|>»«<|det|>[[60, 80, 900, 120]]<|/det|>»\n"
    "«<|ref|>»Levels rose.«<|/ref|>»«<|det|>[[60, 130, 900, 220]]<|/det|>»",
    page="Tides at Pier 4\n\nLevels rose.",
)
NANONETS = Sample(
    "nanonets-ocr",
    "«<watermark>»COPY«</watermark>»\n# Tides at Pier 4\n«<img>»Figure 2: Boats«</img>»\n"
    "«<table>»«<tr>»«<th>»Day«</th>»«<th>»Height«</th>»«</tr>»«<tr>»«<td>»Mon«</td>»«<td>»1.2«</td>»«</tr>»«</table>»\n"
    "«<signature>»A. Lima«</signature>»\n☑ paid\n«<page_number>»7«</page_number>»",
    page="COPY\n\n# Tides at Pier 4\n\n![Figure 2: Boats]()\n\n"
    "| Day | Height |\n| --- | --- |\n| Mon | 1.2 |\n\nA. Lima\n\n☑ paid",
)
PADDLE = Sample(
    "paddleocr-vl",
    "«<fcel>»Day«<fcel>»Height«<nl>»«<fcel>»Mon«<fcel>»1.2«<nl>»",
    page="| Day | Height |\n| --- | --- |\n| Mon | 1.2 |",
)
HUNYUAN = Sample(
    "hunyuanocr",
    "# Tides at Pier 4\n\nLevels rose.\n\n«<pFig>»Figure 2: Boats«</pFig>»"
    "«<quad>(60,460),(900,700)</quad>»\n\nThe end.",
    page="# Tides at Pier 4\n\nLevels rose.\n\n![Figure 2: Boats]()\n\nThe end.",
)
HY_META = Sample(
    "hunyuanocr",
    "Tides at Pier 4«<hy-meta>»«<layout>title</layout>»«<quad>(60,80),(900,80),(900,120),(60,120)</quad>»«</hy-meta>»\n"
    "Levels rose.«<hy-meta><layout>paragraph</layout><quad>(60,130),(900,130),(900,220),(60,220)</quad></hy-meta>»\n"
    "7«<hy-meta><layout>footer</layout><quad>(480,950),(520,950),(520,970),(480,970)</quad></hy-meta>»",
    page="# Tides at Pier 4\n\nLevels rose.",
)
SPOTS = Sample(
    "hunyuanocr",
    "Tides at Pier 4«(60,80),(900,120)»Levels rose.«(60,130),(900,220)»",
    page="Tides at Pier 4\n\nLevels rose.",
    expected=AnswerFormat.SPOTS,
)
LIGHTON = Sample(
    "lightonocr",
    "# Tides at Pier 4\n\n«![image](image_1.png) 60,460,900,700»\n\nLevels rose.",
    page="# Tides at Pier 4\n\n![]()\n\nLevels rose.",
)
OLMOCR = Sample(
    "olmocr",
    "Text \\(h_0\\).\n\n«![»A map«](page_60_460_840_240.png)»\n\n"
    "«<table>»«<tr>»«<th rowspan='2'>»Day«</th>»«<td>»Mon«</td>»«</tr>»"
    "«<tr>»«<td>»Tue«</td>»«</tr>»«</table>»",
    page="Text $h_0$.\n\n![A map]()\n\n"
    '<table>\n<tr><th rowspan="2">Day</th><td>Mon</td></tr>\n<tr><td>Tue</td></tr>\n</table>',
)
QWEN_MARKDOWN = Sample(
    "qwen3-vl",
    "# Tides at Pier 4\n\n«<!-- Table (60, 230, 900, 400) -->»\n«\\begin{tabular}{ll}» Day «&» Height "
    "«\\\\» «\\hline» Mon «&» 1.2 «\\end{tabular}»\n\n«<!-- Image (60, 460, 900, 700) -->»\n\nLevels rose.",
    page="# Tides at Pier 4\n\n| Day | Height |\n| --- | --- |\n| Mon | 1.2 |\n\n![]()\n\nLevels rose.",
)
INTERNVL = Sample(
    "internvl",
    "The «<ref>»tide table«</ref><box>[[60, 230, 900, 400]]</box>» hangs at the pier.",
    page="The tide table hangs at the pier.",
)

SAMPLES = {name.lower(): sample for name, sample in sorted(globals().items()) if isinstance(sample, Sample)}
