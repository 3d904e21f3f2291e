"""A script that runs the program and evaluates a statement at its very end, for tests that look into a process."""

from __future__ import annotations

_SCRIPT = """\
import atexit, os, sys

def at_exit() -> None:
    {words}

def leave(code, leave=os._exit):
    at_exit()
    leave(code)

atexit.register(at_exit)  # the program may end in either way
os._exit = leave
sys.argv[0] = "visionocr"
{first}
from visionocr.__main__ import main
main()
"""


def with_exit_hook(words: str, first: str = "") -> str:
    """A script that runs the program with its own arguments, the statement *words* at its end and *first* before it."""
    return _SCRIPT.format(words=words, first=first)
