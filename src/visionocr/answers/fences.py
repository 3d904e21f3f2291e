"""Opens a code fence that a model put around its whole answer; fences that belong to the document stay."""

from __future__ import annotations

import re

_FENCE = re.compile(r"^[ \t]{0,3}(`{3,}|~{3,})[ \t]*([^\s`]*)[^\n`]*$", re.MULTILINE)
_LANGUAGES = ("", "markdown", "md", "text", "txt", "plaintext", "html")


def open_outer_fence(text: str) -> str:
    """Return what stands in the fence when it holds the whole answer, else *text* as it is."""
    inside = _inside(text)
    return text if inside is None else inside.strip("\n")


def is_fenced(text: str) -> bool:
    """Whether *text* as a whole stands in a fence that would be opened, and that was closed."""
    return text.endswith(("```", "~~~")) and _inside(text) is not None


def _inside(text: str) -> str | None:
    opening = _FENCE.match(text)
    if opening is None or opening[2].casefold() not in _LANGUAGES:
        return None
    mark = opening[1]
    others = list(_FENCE.finditer(text, opening.end()))
    if not others:
        # Cut off by the length limit, or closed at the end of the last line.
        rest = text[opening.end() :]
        body = rest.removesuffix(mark)
        return body if mark not in body else None
    last = others[-1]
    if last.end() != len(text) or not _closes(last, mark):
        return None
    return text[opening.end() : last.start()] if _paired(others[:-1], mark) else None


def _closes(fence: re.Match[str], mark: str) -> bool:
    return not fence[2] and fence[1].startswith(mark)


def _paired(fences: list[re.Match[str]], outer: str) -> bool:
    """Whether the fences in between open with a language and close: then the outer one was open all the time.

    Two listings, one after the other, also begin and end with a fence: there the first one in between has
    no language, because it closes the outer one.
    """
    inner = ""
    for fence in fences:
        if inner:
            if _closes(fence, inner):
                inner = ""
        elif fence[1][0] == outer[0] and len(fence[1]) >= len(outer) and not fence[2]:
            return False
        else:
            inner = fence[1]
    return not inner
