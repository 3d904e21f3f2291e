"""Results as one HTML file that is complete and harmless."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import pytest
from PIL import Image

from fakes.pictures import make_pdf
from result_files import result, write_results
from review_client import serving
from visionocr.boxes import Box
from visionocr.errors import OutputError
from visionocr.evidence import Doubt, DoubtKind
from visionocr.review.export import export
from visionocr.types import PageRef, PageResult, Status

DOUBTS = (
    Doubt(DoubtKind.DIFFERENT, "Nortehrn", "<Northern>", Box(0.1, 0.2, 0.3, 0.25)),
    Doubt(DoubtKind.MISSING, "", "a lost line", Box(0.1, 0.5, 0.9, 0.55)),
)


def exported(tmp_path: Path) -> str:
    """The HTML of a document with doubts, hostile text and a page without its document."""
    make_pdf(tmp_path / "a.pdf", 2)
    results = [
        result(1, "<script>alert(1)</script>\n\n![x](http://example.org/x.png)"),
        PageResult(PageRef("a.pdf", 2, 2), "Great Nortehrn Railway", Status.SUSPECT, doubts=DOUBTS),
        result(1, "gone", document="gone.pdf"),
    ]
    with serving([write_results(tmp_path / "out.jsonl", results)]) as client:
        assert export(client.server.desk, tmp_path / "out.html", title="a & b") == 3
    return (tmp_path / "out.html").read_text()


def test_it_holds_everything_doubts_first(tmp_path: Path) -> None:
    """Pictures are embedded, doubtful words and places are marked, what is missing is told."""
    html = exported(tmp_path)
    sections = html.split("<section>")[1:]
    assert re.findall(r"<h2>[^<]*(page \d)", html) == ["page 2", "page 1", "page 1"]
    assert '<mark title="The page has: &lt;Northern&gt;">Nortehrn</mark>' in sections[0]
    assert "a lost line" in sections[0]
    assert re.findall(r'style="left:([\d.]+)%;top:([\d.]+)%', sections[0]) == [("10.00", "20.00"), ("10.00", "50.00")]
    for section in sections[:2]:
        (data,) = re.findall(r'src="data:image/(?:jpeg|png);base64,([^"]*)"', section)
        assert max(Image.open(io.BytesIO(base64.b64decode(data))).size) <= 1100
    assert "gone.pdf was not found" in sections[2]


def test_it_loads_nothing_and_runs_nothing(tmp_path: Path) -> None:
    """No addresses but embedded data, no scripts, and a policy that would stop both."""
    html = exported(tmp_path)
    assert "default-src 'none'" in html
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)" in html
    assert "<title>a &amp; b</title>" in html
    assert all(
        value.startswith("data:image/") for value in re.findall(r'(?:src|href|url)\s*[=(]\s*"?([^"\s>)]+)', html)
    )


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    """Nothing is left behind."""
    with serving([write_results(tmp_path / "out.jsonl", [result(1, "x")])]) as client, pytest.raises(OutputError):
        export(client.server.desk, tmp_path / "none" / "out.html", title="x")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.jsonl"]
