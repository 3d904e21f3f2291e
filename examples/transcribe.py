"""Read documents from Python: one line about every page, then its text.

python examples/transcribe.py examples/letter.pdf
python examples/transcribe.py --api-url http://localhost:5001 scans/*.pdf
"""

from __future__ import annotations

import argparse
from pathlib import Path

from visionocr import transcribe


def main() -> None:
    """Print every page as soon as it is read."""
    parser = argparse.ArgumentParser(description="Read documents with visionocr.")
    parser.add_argument("files", nargs="*", default=[str(Path(__file__).with_name("letter.pdf"))])
    parser.add_argument("--api-url", help="the server (default: the configured one, or what is found)")
    options = parser.parse_args()

    for page in transcribe(options.files, api_url=options.api_url):
        print(f"--- {page.page.document}, page {page.page.number}: {page.status}")
        for finding in page.findings:
            print(f"    {finding.message}")
        print(page.text)


if __name__ == "__main__":
    main()
