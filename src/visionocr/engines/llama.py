"""Runs a model without a separate server: llama.cpp's server in a child process."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from visionocr.choices import Wire
from visionocr.engines.packages import can_import, find_version
from visionocr.engines.proxy import EngineProxy
from visionocr.errors import (
    AnswerUnusable,
    ConfigurationError,
    ServerError,
    ServerUnreachable,
    UsageError,
)
from visionocr.extras import install_hint
from visionocr.settings import ENVIRONMENT_PREFIX, Settings
from visionocr.stop import Stop
from visionocr.types import Completion, Engine, Notice, Observer, Preset, Request, ignore
from visionocr.workers import CallFailed, Worker, WorkerDied

_EXPLAIN_AFTER = 5.0
"""Seconds of loading after which somebody who waits wants to know why."""
_DYING = 1.0
"""Seconds from the end of a connection to the end of the process whose crash ended it."""
_COMPLAINT = re.compile(r"^[\d.]+ E (.*)")
"""A line of llama.cpp's log that tells of an error."""


@dataclass(frozen=True, slots=True)
class Launch:
    """What is to be served, and with what."""

    model: str
    projector: str
    context: int
    """Tokens, for all slots together."""
    threads: int | None = None
    """``None``: as many as the machine has cores."""
    gpu_layers: int | None = None
    """Layers of the model to offload to the GPU; ``None``: as many as fit."""
    slots: int = 1


class LlamaFailed(Exception):
    """The server did not start, or is gone. The message says why."""


class LlamaServer:
    """A running server on a port of this machine that was free. It takes requests with ``key`` only."""

    def __init__(self, launch: Launch, command: Sequence[str] | None = None) -> None:
        """Start the process; ``load`` lets it load the model. *command* is another program to run, for tests.

        Raises ``OSError`` when the process cannot be started.
        """
        self.key = secrets.token_urlsafe(32)
        self._launch = launch
        self._complaint = ""
        self._lines: deque[str] = deque(maxlen=5)
        self._worker = Worker("visionocr.engines.llama_worker", command=command, log=self._read_line)

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._worker.pid

    def load(self, waiting: Callable[[], object] = lambda: None) -> str:
        """Load the model and return the server's address; takes as long as it takes.

        *waiting* is called meanwhile, about twice a second. Raises ``LlamaFailed``.
        """
        try:
            reply, _ = self._worker.call({**asdict(self._launch), "key": self.key}, timeout=None, waiting=waiting)
        except CallFailed as error:
            raise LlamaFailed(self.explain_end(str(error))) from None
        except WorkerDied:
            raise LlamaFailed(self.explain_end()) from None
        if not isinstance(reply.get("address"), str):
            raise LlamaFailed(self.explain_end("it returned no address"))
        address: str = reply["address"]
        return address

    def has_ended(self, within: float) -> bool:
        """Whether the process ends within so many seconds."""
        return self._worker.wait(within)

    def explain_end(self, otherwise: str = "") -> str:
        """End it, and say why it failed: the first error in its log, else *otherwise*, else how the process ended."""
        ending = self._worker.describe_end() if self._worker.wait(_DYING) else ""
        self.close()
        return self._complaint or otherwise or ": ".join([ending or "it did not start", *list(self._lines)[-1:]])

    def kill(self) -> None:
        """End the process at once."""
        self._worker.kill()

    def close(self) -> None:
        """End the process and close its pipes. May be called twice."""
        self._worker.close()

    def _read_line(self, line: str) -> None:
        if found := _COMPLAINT.match(line):
            self._complaint = self._complaint or found[1]
        else:
            self._lines.append(line)


class LlamaEngine(EngineProxy):
    """A server's engine, and the process that is the server."""

    def __init__(self, engine: Engine, process: LlamaServer) -> None:
        super().__init__(engine)
        self.process = process

    def complete(self, request: Request) -> Completion:
        """See ``Engine.complete``."""
        try:
            return super().complete(request)
        except (ServerUnreachable, AnswerUnusable):
            if not self.process.has_ended(_DYING):
                raise
            raise ServerError(
                f"llama.cpp crashed: {self.process.explain_end()}",
                "It may need more memory than there is: try a smaller --context or --max-side.",
            ) from None

    def close(self) -> None:
        """End the process too."""
        super().close()
        self.process.close()


def is_installed() -> bool:
    """Whether the package that carries llama.cpp is there; imports nothing."""
    return can_import("xllamacpp")


def is_configured(settings: Settings) -> bool:
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
            "A vision model consists of two files: --gguf MODEL.gguf --mmproj PROJECTOR.gguf.",
        )
    if not settings.api_url:
        return True
    model, url = (_rank_origin(settings.origins.get(name, "")) for name in ("gguf", "api_url"))
    if model == url:
        raise UsageError(
            "--gguf and --api-url exclude each other", "--gguf runs a model without a server; --api-url names a server."
        )
    return model > url


def make_address(settings: Settings) -> str:
    """A name for results and for resuming, in place of an address, whose port changes from run to run."""
    return f"gguf:{Path(settings.gguf or '').name}"


def open_engine(
    settings: Settings, presets: Sequence[Preset] = (), observer: Observer = ignore, stop: Stop | None = None
) -> Engine:
    """The model that the settings name, loaded and ready; *presets* are those at hand.

    Raises ``ConfigurationError`` when the files or the package are not what they should be, ``ServerError`` when
    llama.cpp does not start with them, ``Interrupted`` when it is stopped.
    """
    assert settings.gguf is not None
    assert settings.mmproj is not None
    stop = stop or Stop()
    if not is_installed():
        raise ConfigurationError(
            "running a model without a server needs llama.cpp, which is not installed",
            install_hint("llama"),
        )
    model, projector = Path(settings.gguf).expanduser(), Path(settings.mmproj).expanduser()
    preset = _check_pair(model, projector, presets, observer)
    launch = Launch(str(model), str(projector), settings.context, settings.threads, settings.gpu_layers)
    try:
        process = LlamaServer(launch)
    except OSError as error:
        raise ServerError(f"llama.cpp failed to start: {error}") from None
    with contextlib.ExitStack() as undo:
        undo.callback(process.close)
        try:
            with stop.waking(process.kill):
                url = process.load(_explain_wait(model.name, observer))
        except LlamaFailed as error:
            stop.check()
            raise ServerError(
                f"llama.cpp cannot run {model.name} with {projector.name}: {error}",
                "Both files must be complete and belong together; take the projector from the page of the model.",
            ) from None
        engine = LlamaEngine(_connect(settings, url, process.key, preset, observer, stop), process)
        undo.pop_all()
        return engine


def _rank_origin(origin: str) -> int:
    """The precedence of an origin: flag over environment over file."""
    return 2 if origin.startswith("--") else 1 if origin.startswith(ENVIRONMENT_PREFIX) else 0


def _check_pair(model: Path, projector: Path, presets: Sequence[Preset], observer: Observer) -> str:
    """The name of the preset that belongs to a pair, as its headers tell; empty when they do not.

    Refuses what cannot work before anything large is loaded, and warns of what probably will not.
    """
    from visionocr.gguf.compatibility import Fit, examine_pair

    for path, option in ((model, "--gguf"), (projector, "--mmproj")):
        if os.path.isdir(path):
            raise ConfigurationError(f"{option}: {path} is a folder", f"To see what is in it: visionocr gguf {path}")
    verdict = examine_pair(model, projector, presets)
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


def _explain_wait(name: str, observer: Observer) -> Callable[[], None]:
    """A function that says once that a model is being loaded, when that takes a while."""
    started, said = time.monotonic(), False

    def explain() -> None:
        nonlocal said
        if not said and time.monotonic() - started > _EXPLAIN_AFTER:
            said = True
            observer(Notice(f"loading {name}; a large model takes minutes"))

    return explain


def _connect(settings: Settings, url: str, key: str, preset: str, observer: Observer, stop: Stop) -> Engine:
    from visionocr.engines.dialects import probe
    from visionocr.engines.http import Http
    from visionocr.engines.retry_policy import RetryPolicy
    from visionocr.engines.server import ServerEngine

    http = Http(url, key, settings.timeout, stop=stop)
    server, dialect = probe(http, Wire.LLAMACPP)
    server = replace(
        server,
        url=make_address(settings),
        kind="llama.cpp",
        version=find_version("xllamacpp"),
        preset=preset,
    )
    policy = RetryPolicy(absent=0.0)  # an ended process does not come back
    return ServerEngine(http, server, dialect, observer=observer, policy=policy, max_time=settings.max_time)
