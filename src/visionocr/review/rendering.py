"""Markdown as HTML that is harmless and complete in itself."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml


def render(text: str) -> str:
    """*text*, which may be anybody's, as HTML: without raw HTML, and without anything that leads out of the page.

    A picture is shown as its description, a link as its text with the address as its title.
    """
    return str(_renderer().render(text))


@cache
def _renderer() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    markdown.add_render_rule("link_open", _open_link)
    markdown.add_render_rule("link_close", _close_link)
    markdown.add_render_rule("image", _describe_picture)
    return markdown


def _open_link(_: Any, tokens: Sequence[Any], index: int, *__: Any) -> str:
    return f'<span class="link" title="{escapeHtml(str(tokens[index].attrGet("href") or ""))}">'


def _close_link(*_: Any) -> str:
    return "</span>"


def _describe_picture(_: Any, tokens: Sequence[Any], index: int, *__: Any) -> str:
    return f'<span class="picture">{escapeHtml(tokens[index].content) or "picture"}</span>'
