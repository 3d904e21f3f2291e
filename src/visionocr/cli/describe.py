"""``visionocr describe``: pictures become captions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from visionocr.cli import options
from visionocr.cli.run import Reading, run
from visionocr.output.writer import SidecarSink, sidecar_path


@options.with_settings()
def describe(
    files: options.Files,
    output: options.Output = None,
    recursive: options.Recursive = False,
    sidecar: options.Sidecar = None,
    prefix: options.Prefix = "",
    suffix: options.Suffix = "",
    force: options.Force = False,
    dry_run: options.DryRun = False,
    config: options.Config = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = 0,
    *,
    flags: dict[str, Any],
) -> None:
    """Describe pictures. Needs a server with a vision model."""
    captions = _Captions(sidecar, force) if sidecar else None
    reading = Reading(
        files,
        "image",
        "describe",
        flags,
        recursive=recursive,
        output=output,
        config=config,
        dry_run=dry_run,
        quiet=quiet,
        verbose=verbose,
        captions=True,
    )
    if captions is not None:
        reading.wanted = captions.wanted
        reading.sink = lambda settings: SidecarSink(captions.path, prefix, suffix)  # noqa: ARG005
    run(reading)


class _Captions:
    """Names of caption files. Two pictures that differ in their ending only get names that hold the ending."""

    def __init__(self, ending: str, force: bool) -> None:
        self._ending = ending
        self._force = force
        self._paths: dict[str, Path] = {}

    def wanted(self, picture: str) -> bool:
        """Whether the picture still needs its caption."""
        path = sidecar_path(Path(picture), self._ending)
        if path in self._paths.values():
            path = Path(f"{picture}{path.suffix}")
        self._paths[picture] = path
        return self._force or not path.exists()

    def path(self, picture: str) -> Path:
        """Where the caption of *picture* goes."""
        return self._paths[picture]
