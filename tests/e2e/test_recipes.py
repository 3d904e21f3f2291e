"""The scripts for other programs in ``examples/``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pymupdf
import pytest

EXAMPLES = Path(__file__).parent.parent.parent / "examples"

pytestmark = [pytest.mark.source_tree, pytest.mark.usefixtures("isolated")]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """In which ``visionocr`` is this one, and reads with the embedded engine."""
    program = tmp_path / "bin" / "visionocr"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m visionocr "$@"\n')
    program.chmod(0o755)
    return {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}", "VISIONOCR_API_URL": "local:"}


@pytest.fixture
def paperless() -> Iterator[tuple[str, list[tuple[str, str, dict[str, str]]]]]:
    """The address of a server that takes what paperless-ngx takes, and what it was sent: path, key, content."""
    seen: list[tuple[str, str, dict[str, str]]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_PATCH(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            seen.append((self.path, self.headers["Authorization"], body))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", seen
    server.shutdown()
    server.server_close()


@pytest.mark.slow
def test_paperless_gets_a_searchable_pdf(tmp_path: Path, environment: dict[str, str]) -> None:
    """The working copy has the scan's text when the script has run."""
    copy = tmp_path / "working copy.pdf"
    copy.write_bytes((EXAMPLES / "letter.pdf").read_bytes())
    environment["DOCUMENT_WORKING_PATH"] = str(copy)
    subprocess.run([EXAMPLES / "paperless" / "pre_consume.sh"], env=environment, check=True)
    with pymupdf.open(copy) as document:
        assert "Herewith please receive invoice of goods" in document[0].get_text()


def test_paperless_keeps_what_cannot_be_read(tmp_path: Path, environment: dict[str, str]) -> None:
    """A broken file is left to paperless, unchanged."""
    copy = tmp_path / "broken.pdf"
    copy.write_bytes(b"%PDF-1.7 and nothing more")
    environment["DOCUMENT_WORKING_PATH"] = str(copy)
    done = subprocess.run([EXAMPLES / "paperless" / "pre_consume.sh"], env=environment, check=True, capture_output=True)
    assert copy.read_bytes() == b"%PDF-1.7 and nothing more"
    assert b"paperless takes it as it is" in done.stderr


@pytest.mark.slow
def test_paperless_gets_the_content(
    environment: dict[str, str], paperless: tuple[str, list[tuple[str, str, dict[str, str]]]]
) -> None:
    """The text is stored under the document's number."""
    address, seen = paperless
    environment |= {
        "DOCUMENT_SOURCE_PATH": str(EXAMPLES / "letter.pdf"),
        "DOCUMENT_ID": "17",
        "PAPERLESS_API_URL": address,
        "PAPERLESS_API_TOKEN": "secret",
    }
    subprocess.run([sys.executable, EXAMPLES / "paperless" / "post_consume.py"], env=environment, check=True)
    ((path, key, body),) = seen
    assert (path, key, list(body)) == ("/api/documents/17/", "Token secret", ["content"])
    assert "Herewith please receive invoice of goods" in body["content"]


@pytest.mark.slow
def test_ocrmypdf_reads_with_visionocr(tmp_path: Path, environment: dict[str, str]) -> None:
    """OCRmyPDF's output has the text, without Tesseract."""
    pytest.importorskip("ocrmypdf")
    target = tmp_path / "out.pdf"
    command = [sys.executable, "-m", "ocrmypdf", "--output-type", "pdf", "--plugin"]
    subprocess.run(
        [*command, str(EXAMPLES / "ocrmypdf_plugin.py"), str(EXAMPLES / "letter.pdf"), str(target)],
        env=environment,
        check=True,
    )
    with pymupdf.open(target) as document:
        assert "please receive invoice of goods" in " ".join(document[0].get_text().split())
