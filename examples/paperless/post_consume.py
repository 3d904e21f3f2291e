#!/usr/bin/env python3
"""paperless-ngx: makes a document's content what visionocr reads (PAPERLESS_POST_CONSUME_SCRIPT).

For those who want the content as Markdown, and no other PDF. Needs PAPERLESS_API_TOKEN and, unless it is
http://localhost:8000, PAPERLESS_API_URL; VISIONOCR_API_URL says where the model is.
"""

from __future__ import annotations

import os
import sys

import requests

from visionocr import Status, VisionOcrError, transcribe

TIMEOUT = 60
"""Seconds."""


def main() -> None:
    """Read the document of the environment and store its text; one with a page that failed keeps paperless's text."""
    try:
        pages = list(transcribe([os.environ["DOCUMENT_SOURCE_PATH"]]))
    except VisionOcrError as error:
        sys.exit(f"visionocr: {error}")
    if failed := [page.page.number for page in pages if page.status is Status.FAILED]:
        sys.exit(f"visionocr: pages {failed} could not be read; the content stays as it is")
    answer = requests.patch(
        f"{os.environ.get('PAPERLESS_API_URL', 'http://localhost:8000')}/api/documents/{os.environ['DOCUMENT_ID']}/",
        json={"content": "\n\n".join(page.text for page in pages)},
        headers={"Authorization": f"Token {os.environ['PAPERLESS_API_TOKEN']}"},
        timeout=TIMEOUT,
        allow_redirects=False,
    )
    if answer.status_code != requests.codes.ok:
        sys.exit(f"paperless answered {answer.status_code}: {answer.text[:200]}")


if __name__ == "__main__":
    main()
