"""A file becomes page images.

``discover`` finds files, ``Documents`` turns them into pages and pages into images, ``parse_pages`` understands
``--pages``. Importing this costs nothing: the PDF renderer and the picture library are loaded with the first document.
"""

from visionocr.documents.discovery import ALL_KINDS, Found, discover
from visionocr.documents.kinds import Kind
from visionocr.documents.selection import PageSelection, parse_pages
from visionocr.documents.source import Documents

__all__ = ["ALL_KINDS", "Documents", "Found", "Kind", "PageSelection", "discover", "parse_pages"]
