"""How a command ends: errors become two lines and an exit code."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import traceback
from collections.abc import Iterator
from contextvars import ContextVar

import typer

from visionocr.console import Console
from visionocr.errors import DocumentError, ExitCode, Interrupted, VisionOcrError
from visionocr.output.stdout import PipeClosed
from visionocr.stop import Stop
from visionocr.types import PageResult, Status


class Tally:
    """Counts the results that the exit code depends on."""

    def __init__(self, strict: bool, console: Console) -> None:
        self._strict = strict
        self._console = console
        self._documents = self._failed = self._suspect = self._refused = 0

    def add(self, result: PageResult) -> None:
        """Count one result."""
        self._documents += result.status is Status.FAILED and result.page.number == 0
        self._failed += result.status is Status.FAILED
        self._suspect += result.status is Status.SUSPECT

    def refuse(self, error: DocumentError) -> None:
        """Report and count a document that cannot have the output that was asked for."""
        self._console.error(error.message, error.hint)
        self._refused += 1

    @property
    def code(self) -> ExitCode:
        """The code of a run that reached its end."""
        if self._documents:
            return ExitCode.DOCUMENT
        if self._refused:
            return ExitCode.OUTPUT
        if self._failed or (self._strict and self._suspect):
            return ExitCode.PAGES
        return ExitCode.OK


_LIMITS_HINT = "Raise the limit of {} for this program, or close other programs."

current_stop: ContextVar[Stop] = ContextVar("current_stop")
"""The flag that ends the command at hand."""


@contextlib.contextmanager
def reported(console: Console, verbose: int) -> Iterator[None]:
    """Turn whatever ends the command into messages and an exit code. Tracebacks only with ``-vv``."""
    try:
        yield
    except typer.Exit:
        raise
    except PipeClosed:
        raise typer.Exit(ExitCode.OK) from None
    except Interrupted:
        console.line("stopped")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    except VisionOcrError as error:
        _print_traceback(verbose)
        console.error(error.message, error.hint)
        raise typer.Exit(error.exit_code) from None
    except Exception as error:  # noqa: BLE001 - nobody shall see a traceback who did not ask for one
        _print_traceback(verbose)
        console.error(*_explain(error))
        raise typer.Exit(ExitCode.UNEXPECTED) from None
    finally:
        console.close()


def _explain(error: Exception) -> tuple[str, str]:
    """Message and hint for an exception that is none of ours: the system's limits, or a bug."""
    match error:
        case RuntimeError() if "can't start new thread" in str(error):
            return "the system allows no more threads", _LIMITS_HINT.format(
                "processes (ulimit -u) or memory (ulimit -v)"
            )
        case MemoryError():
            return "there is not enough memory", _LIMITS_HINT.format("memory (ulimit -v)")
        case OSError() if error.errno in {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN}:
            return f"the system refuses: {error.strerror}", _LIMITS_HINT.format(
                "files (ulimit -n), processes or memory"
            )
        case ImportError():
            hint = "Where memory is limited (ulimit -v), allow more; otherwise install visionocr again."
            return f"a part of the program cannot be loaded: {error}", hint
        case FileNotFoundError() if not _has_current_folder():
            return "the current folder is not there any more", "Change to another folder."
    bug = "This is a bug in visionocr. Please report it with the output of -vv."
    return f"unexpected error: {type(error).__name__}: {error}", bug


def _has_current_folder() -> bool:
    try:
        return bool(os.getcwd())
    except OSError:
        return False


def _print_traceback(verbose: int) -> None:
    if verbose > 1 and sys.stderr is not None:
        traceback.print_exc(file=sys.stderr)
