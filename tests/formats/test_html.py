"""HTML as models write it, with ``<`` in the text and ends missing."""

from __future__ import annotations

import pytest

from visionocr.formats.html import parse_html
from visionocr.formats.inline import to_plain
from visionocr.formats.markdown import write_markdown

CASES = {
    "<p>5 <6, x<y and z>2, List<String></p>": "5 <6, x\\<y and z>2, List\\<String>",
    "<p>if a <b and c> d</p>": "if a \\<b and c> d",
    "<p>snake_case, *stars* and `ticks`</p>": "snake_case, \\*stars\\* and \\`ticks\\`",
    "<p>$a_{1}*b*c$ for $5 and $6</p>": "$a_{1}*b*c$ for $5 and $6",
    "<p># no heading</p>": "\\# no heading",
    "<p>a <b>bold </b>word, <em>so</em> H<sub>2</sub>O <u>u</u> <del>x</del></p>": (
        "a **bold** word, *so* H<sub>2</sub>O <u>u</u> ~~x~~"
    ),
    "<p>$5 or <math>x &lt; 1</math></p>": "\\$5 or $x < 1$",
    "<p>one<br>two</p>": "one  \ntwo",
    "<h2>A <i>b</i></h2><p>c": "## A *b*\n\nc",
    "<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>": "- a\n  - b\n- c",
    "<ol start='3'><li>a</li><li><p>b</p></li></ol>": "3. a\n4. b",
    "<ul><li>• a<li>2) b</ul>": "- a\n2) b",
    "<pre><code class='language-python'>if a &lt; b:\n    pass</code></pre>": "```python\nif a < b:\n    pass\n```",
    "<p><a href='https://a.example/x'>link</a> <a href='#'>none</a> <a href='javascript:x'>no</a></p>": (
        "[link](https://a.example/x) none no"
    ),
    "<math>E = mc^2</math>": "$E = mc^2$",
    "<p><input type='radio' checked/> yes <input type='radio'/> no</p>": "☑ yes ☐ no",
    "text outside <p>inside": "text outside\n\ninside",
    "<p>a&#8238;b&amp;lt;</p>": "ab\\&lt;",
    '<div data-label="Equation-Block"><math display="block">x</math> (3)</div>': "$$\nx \\tag{3}\n$$",
    '<div data-label="Figure"><img alt="Boats"/><table><tr><td>1</td></tr></table></div>': (
        "![Boats]()\n\n| 1 |\n| --- |"
    ),
    '<div data-label="Diagram"><img alt="Flow"/><pre><code class="mermaid">a --> b</code></pre></div>': (
        "![Flow]()\n\n```mermaid\na --> b\n```"
    ),
    '<div data-label="Code-Block"><pre><code class="language-c">x;</code></pre></div>': "```c\nx;\n```",
    '<div data-label="Code-Block">x &lt; y</div>': "```\nx < y\n```",
    "<div class='image'><img/>Text behind a lost end": "![]()\n\nText behind a lost end",
    '<div data-label="Image"><p>A long description.</p></div>': "![A long description.]()",
    '<div data-label="Image"><img alt="A [pier"/></div>': "![A \\[pier]()",
    '<div data-label="Blank-Page"></div>': "",
}


@pytest.mark.parametrize("html", CASES)
def test_html_becomes_markdown(html: str) -> None:
    """Each case comes out as Markdown that shows what the HTML shows."""
    assert write_markdown(parse_html(html)) == CASES[html]


def test_deep_nesting() -> None:
    """Elements without end cost neither the text nor the stack."""
    assert write_markdown(parse_html("<div><b><ul><li>" * 3000 + "word")).strip("-* ") == "word"


def test_plain_text_has_no_marks() -> None:
    """Escapes, emphasis, links and entities become what they show."""
    assert to_plain("a **b** *c* `d*` \\*e\\* [f](https://x) $g_1$ h<sub>2</sub> &amp; i<br>j 2*3") == (
        "a b c d* *e* f $g_1$ h2 & i\nj 2*3"
    )
