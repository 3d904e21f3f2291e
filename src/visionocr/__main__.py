"""``visionocr`` and ``python -m visionocr``."""

from __future__ import annotations

import contextlib
import os
import signal
import sys


def main() -> None:
    """Run the command line."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"):  # until the command handles signals itself
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda *_: os._exit(130))
    if sys.argv[1:] == ["--version"]:  # answered before anything is imported: scripts ask for it often
        from visionocr import __version__

        with contextlib.suppress(OSError, AttributeError):  # full or closed: the command line reports it
            sys.stdout.write(f"visionocr {__version__}\n")
            sys.stdout.flush()
            return
    from visionocr.cli.app import app

    try:
        app(prog_name="visionocr")
    except SystemExit as end:
        _leave(end.code)
        raise


def _leave(code: object) -> None:
    """End the process at once, without waiting for threads that hang in a name look-up or in a read.

    Returns instead where output cannot be written, so that it is reported; under a debugger or profiler, which has its
    own output; and with Dask loaded, which ends its processes at exit.
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
