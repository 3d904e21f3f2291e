"""Turns a completion into the text of a page: cleans it, then judges it."""
