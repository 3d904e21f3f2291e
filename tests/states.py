"""Reads a state file as another program would: with SQLite alone."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path

import msgspec

from visionocr.types import PageResult


def read_state(path: Path) -> list[PageResult]:
    """The results in the state at *path*, by document and page; it must not be open."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        rows = database.execute("SELECT record FROM pages ORDER BY digest, page").fetchall()
    return [msgspec.convert(json.loads(record), PageResult) for (record,) in rows]
