"""Memory of a process that opens untrusted files, page after page: limited, used again, and given back.

What the system or its C library has no words for is left out.
"""

from __future__ import annotations

import sys
from typing import Any

_KEPT = 64 << 20
"""Bytes at the end of the heap that are kept for the next picture: about what a large scan needs."""
_IN_HEAP = 32 << 20
"""Bytes up to which something lies in the heap: the most that glibc takes."""
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # names of glibc's malloc.h


def limit(most: int) -> None:
    """What is asked for beyond *most* bytes is refused, instead of driving the machine into its swap (Linux)."""
    try:
        import resource
    except ImportError:  # Windows
        return
    kind: Any = getattr(resource, "RLIMIT_DATA", None)
    if kind is None:
        return
    soft, hard = resource.getrlimit(kind)
    if soft == resource.RLIM_INFINITY or soft > most:
        resource.setrlimit(kind, (most, hard))


def reuse() -> None:
    """Keep some of what is freed: pictures come and go, and fresh pages for each take as long as shrinking it."""
    option = _glibc("mallopt")
    if option is not None:
        option(_MMAP_THRESHOLD, _IN_HEAP)
        option(_TRIM_THRESHOLD, _KEPT)


def trim() -> None:
    """Give back what is kept, and the holes between small things that stay, which glibc would keep page after page."""
    give_back = _glibc("malloc_trim")
    if give_back is not None:
        give_back(0)


def _glibc(name: str) -> Any:
    if sys.platform != "linux":
        return None
    import ctypes

    return getattr(ctypes.CDLL(None), name, None)
