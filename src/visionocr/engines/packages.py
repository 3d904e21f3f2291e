"""Optional packages that carry an engine: whether they are there, and which version; without importing them."""

from __future__ import annotations

from importlib import metadata
from importlib.util import find_spec


def can_import(module: str) -> bool:
    """Whether *module* can be imported."""
    return find_spec(module) is not None


def find_version(package: str) -> str:
    """The version of an installed *package*; empty when it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
