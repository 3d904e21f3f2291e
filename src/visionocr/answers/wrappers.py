"""Takes away what document models write around the text: places on the page, facts about the page."""

from __future__ import annotations

import re

_REFERENCE = re.compile(r"<\|ref\|>((?:[^<]|<(?!\|))*)<\|/ref\|>")
_BOX = re.compile(r"[ \t]*<\|det\|>[\s\[\]\d.,-]*(?:<\|/det\|>|\Z)")
_LOOSE = re.compile(r"<\|/?(?:ref|det|grounding)\|>")
_LABEL_LINE = re.compile(r"<\|ref\|>[^<\n]*<\|/ref\|>[ \t]*(?:<\|det\|>[\s\[\]\d.,-]*(?:<\|/det\|>|\Z))?[ \t]*\n?")
_LABEL = re.compile(
    r"(?:sub_?)?(?:title|text|table|image|figure|chart|equation|formula|list|code|algorithm|reference|header|footer"
    r"|seal|stamp|aside_text|page_number|page_footnote|footnote|abstract|doc_title|paragraph_title|content)"
    r"(?:_?(?:caption|footnote|title|item|number|text))?",
    re.IGNORECASE,
)
_FACT = r"(?:primary_language|is_rotation_valid|rotation_correction|is_table|is_diagram)[ \t]*:[^\n]*"
_FRONT_MATTER = re.compile(rf"(?:---[ \t]*\n(?:{_FACT}\n)+---[ \t]*(?:\n\s*|\Z))+")


def drop_grounding(text: str) -> str:
    """Remove DeepSeek's places on the page.

    What is referred to is either the words themselves, which stay, or a label (``title``, ``table``) in front of
    them, which goes. One word that is no label shows that all of them are words of the page.
    """
    if "<|ref|>" not in text and "<|det|>" not in text:
        return text
    if all(_LABEL.fullmatch(found.strip()) for found in _REFERENCE.findall(text)):
        text = _LABEL_LINE.sub("", text)
    text = _REFERENCE.sub(r"\1", text)
    return _LOOSE.sub("", _BOX.sub("", text))


def drop_front_matter(text: str) -> str:
    """Remove the facts that olmOCR writes above the text; front matter of the document's own stays."""
    found = _FRONT_MATTER.match(text)
    return text[found.end() :] if found else text
