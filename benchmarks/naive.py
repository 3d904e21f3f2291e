"""What people use today, to be measured against: the whole PDF as JPEGs first, then one blocking request a page.

    python benchmarks/naive.py DOCUMENT URL [--max-side PIXELS]

Written after the scripts that go round: 72 dpi unless ``--max-side`` asks for another size, no retry, no check of the
answer. ``--no-send`` only makes the pictures.
"""

from __future__ import annotations

import argparse
import base64
from typing import Any

import pymupdf
import requests

PROMPT = "<|im_start|>user\nTranscribe this page.<|im_end|>\n<|im_start|>assistant\n"


def main() -> None:
    """Read the document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("document")
    parser.add_argument("url")
    parser.add_argument("--max-side", type=int)
    parser.add_argument("--no-send", action="store_true")
    options = parser.parse_args()
    images = []
    document: Any = pymupdf.open(options.document)
    for page in document:
        zoom = options.max_side / max(page.rect.width, page.rect.height) if options.max_side else 1.0
        pixmap = page.get_pixmap(matrix=pymupdf.Matrix(zoom, zoom))
        images.append(base64.b64encode(pixmap.tobytes("jpeg")).decode())
    if options.no_send:
        return
    for image in images:
        payload = {"prompt": PROMPT, "images": [image], "max_length": 1024, "temp": 0}
        reply = requests.post(f"{options.url}/api/v1/generate", json=payload, timeout=300)
        print(reply.json()["results"][0]["text"])


if __name__ == "__main__":
    main()
