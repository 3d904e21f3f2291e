"""Turns files into page images.

``discover`` finds files, ``Source`` turns them into pages and pages into images, ``parse_pages`` parses ``--pages``.
Importing this is cheap: the PDF renderer and the picture library are loaded with the first document.
"""

from visionocr.documents.discovery import Found, discover
from visionocr.documents.kinds import Kind
from visionocr.documents.selection import PageSelection, parse_pages
from visionocr.documents.source import Source

__all__ = ["Found", "Kind", "PageSelection", "Source", "discover", "parse_pages"]
