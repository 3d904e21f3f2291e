"""Passwords of encrypted PDFs: from a file, one per line, then by asking on the terminal."""

from __future__ import annotations

import getpass
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from visionocr.console import Console
from visionocr.errors import ConfigurationError
from visionocr.text import printable

_MOST_QUESTIONS = 3
"""For one document."""


class Passwords:
    """Gives passwords to try, one after the other."""

    def __init__(self, file: Path | None, console: Console, *, may_ask: bool) -> None:
        """Read the *file*. Raises ``ConfigurationError``."""
        self._console = console
        self._restore: Callable[[], None] | None = None
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
            self._restore = self._restore or _terminal_restorer()
            try:
                return getpass.getpass(f"Password of {printable(document)}: ", stream=sys.stderr) or None
            except (EOFError, OSError):
                return None

    def close(self) -> None:
        """Restore the terminal's echo, which Ctrl-C during a question leaves switched off."""
        if self._restore is not None:
            self._restore()


def _terminal_restorer() -> Callable[[], None]:
    """A function that puts the terminal back as it is now; it does nothing where there is none of that kind."""
    try:
        import termios
    except ImportError:  # Windows, where asking changes nothing
        return lambda: None
    try:
        state = termios.tcgetattr(sys.stdin)
    except (termios.error, OSError, ValueError):
        return lambda: None
    return lambda: termios.tcsetattr(sys.stdin, termios.TCSANOW, state)
