"""Markdown of anybody's is harmless as HTML."""

from __future__ import annotations

import re

import pytest

from visionocr.review.rendering import render


def test_markdown_is_rendered() -> None:
    """Headings, emphasis, lists and tables."""
    found = render("# A\n\n*b*\n\n- c\n\n| d | e |\n|---|---|\n| 1 | 2 |\n")
    for piece in ("<h1>A</h1>", "<em>b</em>", "<li>c</li>", "<td>1</td>"):
        assert piece in found


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        '<img src=x onerror="alert(1)">',
        "[a](javascript:alert(1))",
        "[a](data:text/html;base64,PHNjcmlwdD4=)",
        "[a](http://example.org/ \"t' onclick='x\")",
        "![a](http://example.org/x.png)",
        '![" onerror="alert(1)](x.png)',
        "<http://example.org>",
        '[a]: http://example.org\n\n[a] ![b][a]\n\n<a href="http://example.org">c</a>',
        "<svg/onload=alert(1)>",
        "`<b>` &lt;script&gt;",
    ],
)
def test_nothing_in_it_acts_or_leads_anywhere(text: str) -> None:
    """No tags but harmless ones, and no attributes but class, title and the start of a list."""
    tags = re.findall(r"<(/?[a-z][a-z0-9]*)((?:\s[^<>]*)?)>", render(text))
    assert {name.strip("/") for name, _ in tags} <= {"p", "span", "code", "pre", "em", "strong", "ol", "ul", "li"}
    for _, attributes in tags:
        assert re.fullmatch(r'(?: (?:class|title|start)="[^"<>]*")*', attributes), attributes
