"""What every command's ``--help`` prints, as the page ``docs/commands.md``.

``python tests/help_pages.py`` writes the page anew.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs" / "commands.md"
_BLOCK = re.compile(r"(?P<head>^## `visionocr (?P<command>\w+)`\n\n```text\n).*?(?=\n```$)", re.MULTILINE | re.DOTALL)


def read_help(command: str) -> str:
    """The help of *command* as plain text of 100 columns."""
    environment = {**os.environ, "COLUMNS": "100", "TERMINAL_WIDTH": "100", "NO_COLOR": "1", "TERM": "dumb"}
    result = subprocess.run(
        [sys.executable, "-m", "visionocr", command, "--help"], capture_output=True, env=environment, check=True
    )
    return "\n".join(line.rstrip() for line in result.stdout.decode().splitlines()).strip()


def listed_commands(page: str) -> list[str]:
    """The commands that have a section on the page."""
    return [found["command"] for found in _BLOCK.finditer(page)]


def renew(page: str) -> str:
    """The page with the help that the commands print now."""
    commands = listed_commands(page)
    with ThreadPoolExecutor() as pool:
        helps = dict(zip(commands, pool.map(read_help, commands), strict=True))
    return _BLOCK.sub(lambda found: found["head"] + helps[found["command"]], page)


if __name__ == "__main__":
    PAGE.write_text(renew(PAGE.read_text("utf-8")), "utf-8")
