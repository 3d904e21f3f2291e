"""Writes to standard output, and tells how that can fail."""

from __future__ import annotations

import contextlib
import errno
import os
import sys

from visionocr.errors import OutputError
from visionocr.output.files import encode_text


class PipeClosed(Exception):
    """Whoever read our standard output has gone (``| head``)."""


def write_stdout(text: str) -> None:
    """Write to standard output, at once. Raises ``PipeClosed`` when nobody reads it, else ``OutputError``."""
    if sys.stdout is None:
        raise OutputError("standard output is closed")
    try:
        sys.stdout.buffer.write(encode_text(text))
        sys.stdout.buffer.flush()
    except OSError as error:
        raise output_error(error) from None


def output_error(error: OSError) -> Exception:
    """The exception to raise when standard output fails: ``PipeClosed`` or an ``OutputError``."""
    with contextlib.suppress(OSError, ValueError):
        # Python flushes standard output once more at its end, and would complain there again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError) or error.errno == errno.EINVAL:  # the latter on Windows
        return PipeClosed()
    return OutputError(f"cannot write to standard output: {error.strerror}")
