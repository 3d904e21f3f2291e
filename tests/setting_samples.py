"""A value for every setting: as text, as it is typed or stands in the environment, and as it arrives."""

from __future__ import annotations

from typing import Any

from visionocr.choices import CrossCheck, LocalModel, PageBreaks, Rotate, TextLayer, Wire
from visionocr.types import Headers, Tables

SAMPLES: dict[str, tuple[str, Any]] = {
    "api_url": ("http://x:1", ("http://x:1",)),
    "api_key": ("sesame", "sesame"),
    "dialect": ("koboldcpp", Wire.KOBOLDCPP),
    "model": ("qwen", "qwen"),
    "cluster": ("local:2", "local:2"),
    "preset": ("gemma-3", "gemma-3"),
    "task": ("text", "text"),
    "prompt": ("Read.", "Read."),
    "system": ("Be exact.", "Be exact."),
    "language": ("Latin", "Latin"),
    "dpi": ("150", 150.0),
    "max_side": ("1500", 1500),
    "strips": ("3", 3),
    "raster_workers": ("2", 2),
    "batch": ("3", 3),
    "timeout": ("12.5", 12.5),
    "max_asks": ("5", 5),
    "max_time": ("90", 90.0),
    "wait_server": ("30", 30.0),
    "text_layer": ("ignore", TextLayer.IGNORE),
    "cross_check": ("off", CrossCheck.OFF),
    "repair_numbers": ("true", True),
    "rotate": ("90", Rotate.QUARTER),
    "keep_blank": ("true", True),
    "temperature": ("0.5", 0.5),
    "top_p": ("0.9", 0.9),
    "top_k": ("40", 40),
    "min_p": ("0.1", 0.1),
    "rep_pen": ("1.1", 1.1),
    "seed": ("7", 7),
    "max_length": ("999", 999),
    "format": ("jsonl", "jsonl"),
    "tables": ("html", Tables.HTML),
    "headers": ("drop", Headers.DROP),
    "join_pages": ("true", True),
    "boxes": ("true", True),
    "page_breaks": ("rule", PageBreaks.RULE),
    "front_matter": ("true", True),
    "replace_layer": ("true", True),
    "strict": ("true", True),
    "local_model": ("small", LocalModel.SMALL),
    "gguf": ("model.gguf", "model.gguf"),
    "mmproj": ("projector.gguf", "projector.gguf"),
    "threads": ("3", 3),
    "gpu_layers": ("20", 20),
    "context": ("4096", 4096),
}

UNCHECKED = {"VISIONOCR_TEXT_LAYER": "ignore", "VISIONOCR_CROSS_CHECK": "off"}
"""The environment of tests in which a fake's answers are not what stands on the pages."""
