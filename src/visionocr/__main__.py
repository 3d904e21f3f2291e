"""``visionocr`` and ``python -m visionocr``."""

from __future__ import annotations

import contextlib
import sys


def main() -> None:
    """Run the command line."""
    try:
        if sys.argv[1:] == ["--version"]:  # answered before anything is imported: scripts ask for it often
            from visionocr import __version__

            with contextlib.suppress(OSError, AttributeError):  # full or closed: the command line says so
                sys.stdout.write(f"visionocr {__version__}\n")
                sys.stdout.flush()
                return
        from visionocr.cli.app import app
    except KeyboardInterrupt:  # from here on the command line looks after it
        sys.exit(130)
    app(prog_name="visionocr")


if __name__ == "__main__":
    main()
