"""A completion becomes the text of a page: edits, then judges."""
