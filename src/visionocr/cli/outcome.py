"""How a command ends: errors become two lines and an exit code, signals become a tidy end."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from types import FrameType

import typer

from visionocr.console import Console
from visionocr.errors import ExitCode, VisionOcrError
from visionocr.output.writer import PipeClosed
from visionocr.types import PageResult, Status


class Tally:
    """Counts what the exit code depends on."""

    def __init__(self, strict: bool) -> None:
        self._strict = strict
        self._documents = self._failed = self._suspect = 0

    def add(self, result: PageResult) -> None:
        """Count one result."""
        self._documents += result.status is Status.FAILED and result.page.number == 0
        self._failed += result.status is Status.FAILED
        self._suspect += result.status is Status.SUSPECT

    @property
    def code(self) -> ExitCode:
        """The code of a run that reached its end."""
        if self._documents:
            return ExitCode.DOCUMENT
        if self._failed or (self._strict and self._suspect):
            return ExitCode.PAGES
        return ExitCode.OK


@contextlib.contextmanager
def reported(console: Console, verbose: int) -> Iterator[None]:
    """Turn whatever ends the command into messages and an exit code. Tracebacks only with ``-vv``."""
    stopped = _install_signals()
    try:
        yield
    except typer.Exit:
        raise
    except PipeClosed:
        raise typer.Exit(ExitCode.OK) from None
    except VisionOcrError as error:
        _trace(verbose)
        console.error(error.message, error.hint)
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        raise _stopped(console) from None
    except Exception as error:  # noqa: BLE001 - nobody shall see a traceback who did not ask for one
        _trace(verbose)
        if stopped():  # the signal struck inside the standard library, which made something else of it
            raise _stopped(console) from None
        console.error(
            f"unexpected: {type(error).__name__}: {error}",
            "This is a fault of visionocr. Please report it with what -vv prints.",
        )
        raise typer.Exit(ExitCode.UNEXPECTED) from None
    finally:
        console.close()


def _stopped(console: Console) -> typer.Exit:
    console.line("stopped")
    return typer.Exit(ExitCode.INTERRUPTED)


def _trace(verbose: int) -> None:
    if verbose > 1 and sys.stderr is not None:
        traceback.print_exc(file=sys.stderr)


def _install_signals() -> Callable[[], bool]:
    """The first Ctrl-C or SIGTERM ends the run tidily, the second at once. Whether there was one."""
    stopping = False

    def stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        if stopping:
            os._exit(ExitCode.INTERRUPTED)
        stopping = True
        raise KeyboardInterrupt

    with contextlib.suppress(ValueError):  # not in the main thread: somebody else's program
        signal.signal(signal.SIGINT, stop)
        signal.signal(signal.SIGTERM, stop)
    return lambda: stopping
