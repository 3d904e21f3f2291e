"""A model without any server: two files become an engine, with llama.cpp's server in a child process of ours."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from visionocr.engines.proxy import EngineProxy
from visionocr.errors import AnswerUnusable, ConfigurationError, ServerError, ServerUnreachable, UsageError
from visionocr.settings import ENVIRONMENT_PREFIX, Settings, Wire
from visionocr.types import Completion, Engine, Notice, Observer, Preset, Request, ignore

if TYPE_CHECKING:
    from visionocr.engines.llama import LlamaServer

_TELL_AFTER = 5.0
"""Seconds of loading after which somebody who waits wants to know why."""
_DYING = 1.0
"""Seconds from the end of a connection to the end of the process whose crash ended it."""


def wanted(settings: Settings) -> bool:
    """Whether the settings mean a model without a server. The higher layer wins over an address in a lower one.

    Raises ``UsageError`` for a model without projector or the other way round, and for a model and an address in
    the same layer.
    """
    if settings.gguf is None and settings.mmproj is None:
        return False
    if settings.gguf is None or settings.mmproj is None:
        given, missing = ("--gguf", "--mmproj") if settings.mmproj is None else ("--mmproj", "--gguf")
        raise UsageError(
            f"{given} is given without {missing}",
            "A model that sees is two files: --gguf MODEL.gguf --mmproj PROJECTOR.gguf.",
        )
    if not settings.api_url:
        return True
    mine, theirs = (_rank(settings.origins.get(name, "")) for name in ("gguf", "api_url"))
    if mine == theirs:
        raise UsageError("--gguf and --api-url exclude each other", "The one needs no server, the other names one.")
    return mine > theirs


def address(settings: Settings) -> str:
    """What stands in the place of a server's address: a port that was free today is another tomorrow."""
    return f"gguf:{Path(settings.gguf or '').name}"


def open_engine(settings: Settings, presets: Sequence[Preset] = (), observer: Observer = ignore) -> Engine:
    """The model that the settings name, loaded and ready; *presets* are those at hand.

    Raises ``ConfigurationError`` when the files or the package are not what they should be, ``ServerError`` when
    llama.cpp does not start with them.
    """
    from visionocr.engines import llama

    assert settings.gguf is not None
    assert settings.mmproj is not None
    if not llama.installed():
        raise ConfigurationError(
            "running a model without a server needs llama.cpp, which is not installed",
            'Install it with: pip install "visionocr[llama]"',
        )
    model, projector = Path(settings.gguf).expanduser(), Path(settings.mmproj).expanduser()
    preset = _check_pair(model, projector, presets, observer)
    launch = llama.Launch(str(model), str(projector), settings.context, settings.threads, settings.gpu_layers)
    try:
        process = llama.LlamaServer(launch)
    except OSError as error:
        raise ServerError(f"llama.cpp does not start: {error}") from None
    try:
        base = process.wait(_patient(model.name, observer))
        return LocalLlamaEngine(_connected(settings, base, process.key, preset, observer), process)
    except llama.LlamaFailed as error:
        raise ServerError(
            f"llama.cpp cannot run {model.name} with {projector.name}: {error}",
            "Both files must be whole and belong together; take the projector from the page of the model.",
        ) from None
    except BaseException:
        process.close()
        raise


def _rank(origin: str) -> int:
    """The higher, the nearer to the user: flag, environment, file."""
    return 2 if origin.startswith("--") else 1 if origin.startswith(ENVIRONMENT_PREFIX) else 0


def _check_pair(model: Path, projector: Path, presets: Sequence[Preset], observer: Observer) -> str:
    """The name of the preset that belongs to a pair, as its headers tell; empty when they do not.

    Refuses what cannot work before anything large is loaded, and warns of what probably will not.
    """
    from visionocr.gguf.pair import Fit, examine

    for path, option in ((model, "--gguf"), (projector, "--mmproj")):
        if path.is_dir():
            raise ConfigurationError(f"{option}: {path} is a folder", f"Its pairs: visionocr gguf {path}")
    verdict = examine(model, projector, presets)
    pair = f"{model.name} with {projector.name}"
    if verdict.fit is Fit.CANNOT_LOAD:
        raise ConfigurationError(
            f"cannot run {pair}: {verdict.reason}", "Take the projector from the page of the model."
        )
    if verdict.fit is Fit.DOUBTFUL:
        observer(Notice(f"{pair}: {verdict.reason}", warning=True))
    for note in verdict.notes:
        observer(Notice(note, warning=True))
    return verdict.choice.preset.name if verdict.choice else ""


def _patient(name: str, observer: Observer) -> Callable[[], None]:
    """Says once that a model is being loaded, when that takes a while."""
    started, told = time.monotonic(), False

    def waiting() -> None:
        nonlocal told
        if not told and time.monotonic() - started > _TELL_AFTER:
            told = True
            observer(Notice(f"loading {name}; a large model takes minutes"))

    return waiting


def _connected(settings: Settings, base: str, key: str, preset: str, observer: Observer) -> Engine:
    from visionocr.engines import llama
    from visionocr.engines.dialects import probe
    from visionocr.engines.http import Http
    from visionocr.engines.retry_policy import RetryPolicy
    from visionocr.engines.server import ServerEngine

    http = Http(base, key, settings.timeout)
    server, dialect = probe(http, Wire.LLAMACPP)
    server = replace(server, url=address(settings), kind="llama.cpp", version=llama.version(), preset=preset)
    policy = RetryPolicy(absent=0.0)  # a process that is gone does not come back
    return ServerEngine(http, server, dialect, observer=observer, policy=policy, max_time=settings.max_time)


class LocalLlamaEngine(EngineProxy):
    """A server's engine, and the process that is the server."""

    def __init__(self, engine: Engine, process: LlamaServer) -> None:
        super().__init__(engine)
        self.process = process

    def complete(self, request: Request) -> Completion:
        """See ``Engine.complete``."""
        try:
            return super().complete(request)
        except (ServerUnreachable, AnswerUnusable):
            if not self.process.gone(_DYING):
                raise
            raise ServerError(
                f"llama.cpp broke down: {self.process.last_words()}",
                "It may need more memory than there is: try a smaller --context or --max-side.",
            ) from None

    def close(self) -> None:
        """End the process too."""
        super().close()
        self.process.close()
