"""Paths as the systems take them: spellings that mean the same file, and lengths that Windows refuses."""

from __future__ import annotations

import os
import sys
import unicodedata

_WINDOWS_MOST = 259
"""Characters of a path on Windows where long paths are not switched on. Source: Microsoft, MAX_PATH."""


def path_key(path: str) -> str:
    """The same text for every spelling of a path that the system takes for the same file.

    Windows tells neither upper from lower case nor slashes from backslashes. macOS does not tell an accented letter
    from a letter and its accent, and may list names in another of these forms than the keyboard gives.
    """
    key = os.path.normcase(os.path.abspath(path))
    return unicodedata.normalize("NFC", key) if sys.platform == "darwin" else key


def explain_long_path(path: str | os.PathLike[str]) -> str:
    """What to do about a path that Windows may call missing only because of its length; empty for all others."""
    length = len(os.path.abspath(path))
    if sys.platform != "win32" or length <= _WINDOWS_MOST:
        return ""
    return (
        f"Its path has {length} characters, and Windows takes {_WINDOWS_MOST}: "
        "use a shorter folder, or switch long paths on in Windows (LongPathsEnabled)."
    )
