"""visionocr reads documents with a vision language model running on the user's own machine.

from visionocr import transcribe

for page in transcribe(["scan.pdf"], api_url="http://localhost:5001"):
    print(page.page.number, page.status, page.text)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from visionocr.api import transcribe
    from visionocr.errors import VisionOcrError
    from visionocr.settings import Settings
    from visionocr.types import Finding, FindingKind, PageRef, PageResult, Severity, Status

_HOMES = {
    "transcribe": "visionocr.api",
    "Settings": "visionocr.settings",
    "VisionOcrError": "visionocr.errors",
    "Finding": "visionocr.types",
    "FindingKind": "visionocr.types",
    "PageRef": "visionocr.types",
    "PageResult": "visionocr.types",
    "Severity": "visionocr.types",
    "Status": "visionocr.types",
}

__all__ = [
    "Finding",
    "FindingKind",
    "PageRef",
    "PageResult",
    "Settings",
    "Severity",
    "Status",
    "VisionOcrError",
    "__version__",
    "transcribe",
]


def __getattr__(name: str) -> Any:
    """Load the public names when they are first used: ``import visionocr`` costs nothing."""
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
