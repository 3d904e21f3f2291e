"""``visionocr`` and ``python -m visionocr``."""

from __future__ import annotations

import contextlib
import os
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
    try:
        app(prog_name="visionocr")
    except SystemExit as end:
        _leave(end.code)
        raise


def _leave(code: object) -> None:
    """End the process at once: tidying up module by module, as the interpreter does, takes about 50 ms.

    Comes back where that must not be: results that cannot be written are told about, a debugger or profiler has
    its own to say, and a cluster's library ends its processes last.
    """
    if sys.gettrace() or sys.getprofile() or "distributed" in sys.modules or not isinstance(code, int | None):
        return
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            return
    os._exit(code or 0)


if __name__ == "__main__":
    main()
