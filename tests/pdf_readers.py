"""The text of a PDF as the programs that people use read it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pymupdf
import pytest

_mupdf: Any = pymupdf
_PDF_JS = """
const path = require.resolve("pdfjs-dist/legacy/build/pdf.mjs");
const { getDocument, VerbosityLevel } = await import(path);
const options = { url: process.argv[1], verbosity: VerbosityLevel.ERRORS };
const pdf = await getDocument(options).promise;
let text = "";
for (let number = 1; number <= pdf.numPages; number++) {
    const content = await (await pdf.getPage(number)).getTextContent();
    for (const item of content.items) text += item.str + (item.hasEOL ? "\\n" : "");
    text += "\\n";
}
process.stdout.write(text);
"""


def read_with_mupdf(path: Path) -> str:
    """PyMuPDF's text."""
    with _mupdf.open(path) as pdf:
        return "".join(page.get_text() for page in pdf)


def read_with_pdfium(path: Path) -> str:
    """The text of pdfium, the PDF reader of Chromium."""
    pdfium = pytest.importorskip("pypdfium2")
    pdf = pdfium.PdfDocument(path)
    texts = []
    for page in pdf:
        text_page = page.get_textpage()
        texts.append(text_page.get_text_range())
        text_page.close()
        page.close()
    pdf.close()
    return "\n".join(texts)


def _run(program: str, *arguments: object) -> str:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def read_with_poppler(path: Path) -> str:
    """The text of poppler, the PDF library of Linux desktops, in the order of the page."""
    return _run("pdftotext", path, "-")


def read_with_poppler_raw(path: Path) -> str:
    """The same in the order of the file."""
    return _run("pdftotext", "-raw", path, "-")


def read_with_mutool(path: Path) -> str:
    """The text of the system's mutool."""
    return _run("mutool", "draw", "-q", "-F", "txt", path)


def read_with_pdf_js(path: Path) -> str:
    """The text of pdf.js, the PDF reader of Firefox; npm's ``pdfjs-dist`` must be where ``NODE_PATH`` points to."""
    require = 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);'
    find = ["node", "-e", 'require.resolve("pdfjs-dist/legacy/build/pdf.mjs")']
    if shutil.which("node") is None or subprocess.run(find, capture_output=True).returncode:
        pytest.skip("pdf.js is not installed")
    return _run("node", "--input-type=module", "-e", require + _PDF_JS, path)


READERS: dict[str, Callable[[Path], str]] = {
    "mupdf": read_with_mupdf,
    "pdfium": read_with_pdfium,
    "poppler": read_with_poppler,
    "poppler -raw": read_with_poppler_raw,
    "mutool": read_with_mutool,
    "pdf.js": read_with_pdf_js,
}


def check_with_qpdf(path: Path) -> None:
    """Fail unless qpdf finds the file sound."""
    _run("qpdf", "--check", path)
