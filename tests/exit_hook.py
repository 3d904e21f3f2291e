"""A program that says a word more at its very end, for tests that look into a process."""

from __future__ import annotations

_SCRIPT = """\
import atexit, os, sys

def say() -> None:
    {words}

def leave(code, leave=os._exit):
    say()
    leave(code)

atexit.register(say)  # the program ends in either way
os._exit = leave
sys.argv[0] = "visionocr"
{first}
from visionocr.__main__ import main
main()
"""


def with_last_words(words: str, first: str = "") -> str:
    """A script that runs the program with its own arguments, the line *words* at its end, and *first* before it."""
    return _SCRIPT.format(words=words, first=first)
