"""How much memory a process had at most."""

from __future__ import annotations

import sys
from pathlib import Path


def peak_of_this_process() -> int:
    """Bytes. Not what ``getrusage`` tells: on Linux that begins with the peak of the process that started this one."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) * 1024
    import resource

    return _in_bytes(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def peak_with_children() -> int:
    """Peak memory in bytes: of this process, and of the largest of its children that have ended."""
    import resource

    return peak_of_this_process() + _in_bytes(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)


def _in_bytes(size: int) -> int:
    return size * (1 if sys.platform == "darwin" else 1024)
