"""Passwords of encrypted PDFs: from a file, one per line, then typed at the terminal."""

from __future__ import annotations

import getpass
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from visionocr.console import Console
from visionocr.errors import ConfigurationError
from visionocr.text import printable

if sys.platform != "win32":
    import termios

_MOST_QUESTIONS = 3
"""For one document."""


class Passwords:
    """Gives passwords to try, one after the other."""

    def __init__(self, file: Path | None, console: Console, *, may_ask: bool) -> None:
        """Read the *file*. Raises ``ConfigurationError``."""
        self._console = console
        self._terminal: list[Any] | None = None
        """How it was before anybody was asked."""
        self._known: list[str] = []
        self._tried: Counter[str] = Counter()
        self._may_ask = may_ask and sys.stdin is not None and sys.stdin.isatty()
        if file is not None:
            try:
                self._known = [line for line in file.read_text("utf-8").splitlines() if line]
            except OSError as error:
                raise ConfigurationError(f"cannot read the password file {file}: {error.strerror}") from None
            except UnicodeDecodeError:
                raise ConfigurationError(f"the password file {file} is not in UTF-8") from None

    def __call__(self, document: str) -> str | None:
        """The next password to try, or ``None`` when there is none left."""
        self._tried[document] += 1
        tried = self._tried[document]
        if tried <= len(self._known):
            return self._known[tried - 1]
        if not self._may_ask or tried > len(self._known) + _MOST_QUESTIONS:
            return None
        with self._console.asking():
            if sys.platform != "win32":  # where asking changes nothing
                self._terminal = self._terminal or termios.tcgetattr(sys.stdin)
            try:
                wrong = "Wrong password. " if tried > len(self._known) + 1 else ""
                return getpass.getpass(f"{wrong}Password of {printable(document)}: ", stream=sys.stderr) or None
            except (EOFError, OSError):
                return None

    def restore_terminal(self) -> None:
        """Let the terminal show again what is typed: Ctrl-C may have come while it did not."""
        if sys.platform != "win32" and self._terminal is not None:
            termios.tcsetattr(sys.stdin, termios.TCSANOW, self._terminal)
