"""A file becomes page images.

``discover`` finds files, ``Documents`` turns them into pages and pages into images, ``parse_pages`` understands
``--pages``. Importing this costs nothing: the PDF renderer and the picture library are loaded with the first document.
"""

from visionocr.pages.discovery import ALL_KINDS, Found, discover
from visionocr.pages.kinds import Kind
from visionocr.pages.selection import PageSelection, parse_pages
from visionocr.pages.source import Documents

__all__ = ["ALL_KINDS", "Documents", "Found", "Kind", "PageSelection", "discover", "parse_pages"]
