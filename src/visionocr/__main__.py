"""``visionocr`` and ``python -m visionocr``."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line."""
    if sys.argv[1:] == ["--version"]:  # answered before anything is imported: scripts ask for it often
        from visionocr import __version__

        sys.stdout.write(f"visionocr {__version__}\n")
        return
    from visionocr.cli.app import app

    app()


if __name__ == "__main__":
    main()
