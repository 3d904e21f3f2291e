"""The labels that models give to the parts of a page, and the kinds of blocks that they stand for."""

from __future__ import annotations

import re

from visionocr.blocks import BlockKind

_KINDS = {
    BlockKind.HEADING: (
        "title section_header sub_title subtitle section_title para_title paragraph_title doc_title heading"
    ),
    BlockKind.TEXT: (
        "text paragraph paragraph_span abstract content aside_text reference bibliography complex_block form"
        " table_of_contents document_index blank_page seal stamp watermark signature handwritten_text"
    ),
    BlockKind.LIST_ITEM: "list_item list list_group",
    BlockKind.TABLE: "table otsl",
    BlockKind.FORMULA: "formula equation equation_block isolate_formula interline_equation",
    BlockKind.CODE: "code code_block algorithm chemical_block",
    BlockKind.PICTURE: "picture image figure chart diagram photo",
    BlockKind.CAPTION: (
        "caption table_caption image_caption figure_caption chart_caption table_title figure_title formula_caption"
    ),
    BlockKind.FOOTNOTE: "footnote page_footnote table_footnote image_footnote figure_footnote",
    BlockKind.HEADER: "page_header header",
    BlockKind.FOOTER: "page_footer footer",
    BlockKind.PAGE_NUMBER: "page_number number",
}
_BY_LABEL = {label: kind for kind, labels in _KINDS.items() for label in labels.split()}
_NUMBER = re.compile(r"\W{0,9}(?:page |p\. ?)?\d{1,4}(?:\s?(?:/|of)\s?\d{1,4})?\W{0,9}", re.IGNORECASE)


def kind_of(label: str) -> BlockKind | None:
    """What a model's *label* means; ``None`` for a word that is no label."""
    return _BY_LABEL.get(label.strip().lower().replace("-", "_").replace(" ", "_"))


def page_number_or(kind: BlockKind, text: str) -> BlockKind:
    """*kind*, or that of a page number when *text* at the edge of a page is one."""
    is_edge = kind in {BlockKind.HEADER, BlockKind.FOOTER}
    return BlockKind.PAGE_NUMBER if is_edge and _NUMBER.fullmatch(text.strip()) else kind
