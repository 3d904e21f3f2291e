"""Connects to the servers at given addresses. The HTTP library is loaded with the first request."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from visionocr.choices import Wire
from visionocr.errors import ConfigurationError, Interrupted, ServerRefused, UsageError, VisionOcrError
from visionocr.settings import Settings
from visionocr.stop import Stop
from visionocr.text import printable
from visionocr.types import Engine, Notice, Observer, ignore

if TYPE_CHECKING:
    from visionocr.engines.pool_member import PoolMember
    from visionocr.engines.server import ServerEngine

_T = TypeVar("_T")
_R = TypeVar("_R")
_STOP_CHECK = 0.1
"""Seconds between looks whether the run is stopped: a name look-up cannot be interrupted."""


def connect(settings: Settings, url: str, observer: Observer = ignore, stop: Stop | None = None) -> ServerEngine:
    """The server at *url*, probed.

    Raises ``UsageError`` for a wrong address, a ``ServerError`` when the server cannot be used, ``Interrupted`` when
    *stop* is requested meanwhile.
    """
    from visionocr.engines.address import base_url
    from visionocr.engines.dialects import probe
    from visionocr.engines.http import Http
    from visionocr.engines.retry_policy import RetryPolicy
    from visionocr.engines.server import ServerEngine

    http = Http(base_url(url), settings.api_key, settings.timeout, stop=stop or Stop())
    server, dialect = probe(http, None if settings.dialect is Wire.AUTO else settings.dialect, settings.model)
    policy = RetryPolicy(absent=settings.wait_server)
    return ServerEngine(http, server, dialect, observer=observer, policy=policy, max_time=settings.max_time)


def connect_all(settings: Settings, observer: Observer = ignore, stop: Stop | None = None) -> Engine:
    """The servers that the settings name as one engine; one that cannot be used now is left out until it can.

    Raises ``UsageError`` for a wrong address, ``ConfigurationError`` for different models under ``--strict``, why
    the first server cannot be used when none can, ``Interrupted`` when *stop* is requested meanwhile.
    """
    from visionocr.engines.address import base_url
    from visionocr.engines.pool import PoolEngine
    from visionocr.engines.pool_member import PoolMember
    from visionocr.engines.retry_policy import RetryPolicy

    urls = list(dict.fromkeys(base_url(address) for address in settings.api_url))
    members = [PoolMember(url, partial(connect, settings, url, observer, stop)) for url in urls]
    if len(members) == 1:
        return together(lambda member: member.connect(), members, stop)[0]
    together(_connect_member, members, stop)
    engines = [member.engine for member in members if member.engine is not None]
    if not engines:
        first = members[0].error
        assert first is not None
        raise first
    if all(engine.server.vision is False for engine in engines):
        return engines[0]  # the checks that follow report it
    for member in members:
        if member.engine is not None and member.engine.server.vision is False:
            member.error = ServerRefused(f"the {member.engine.server.kind} at {member.url} cannot see pictures")
            member.engine = None
        if member.error is not None:
            observer(Notice(f"{member.error.message}: going on without it until it can be used", warning=True))
    _compare_models([member.engine for member in members if member.engine is not None], settings.strict, observer)
    policy = RetryPolicy(absent=settings.wait_server)
    return PoolEngine(members, observer=observer, policy=policy, strict=settings.strict)


def servers_of(engine: Engine) -> Sequence[Engine]:
    """The servers behind an engine: those of a pool, or the engine itself."""
    engines: Sequence[Engine] = getattr(engine, "engines", (engine,))
    return engines


def together(function: Callable[[_T], _R], values: Iterable[_T], stop: Stop | None = None) -> list[_R]:
    """*function* of each value, all at the same time: they wait for different servers.

    Raises the first error, or ``Interrupted`` when *stop* is requested meanwhile; then nobody waits for the calls.
    """
    values = list(values)
    executor = ThreadPoolExecutor(max(1, len(values)), thread_name_prefix="server")
    try:
        calls = [executor.submit(function, value) for value in values]
        while stop is not None and wait(calls, timeout=_STOP_CHECK).not_done:
            stop.check()
        return [call.result() for call in calls]
    finally:
        executor.shutdown(wait=False)


def _connect_member(member: PoolMember) -> None:
    """Find out whether *member* can be used; mistakes of the user are raised."""
    try:
        member.engine = member.connect()
    except (UsageError, ConfigurationError, Interrupted):
        raise
    except VisionOcrError as error:
        member.error = error


def _compare_models(engines: Sequence[ServerEngine], strict: bool, observer: Observer) -> None:
    models = {engine.server.model: engine.server.url for engine in reversed(engines)}
    if len(models) < 2:
        return
    listed = "; ".join(f"{printable(model) or 'without a name'} at {url}" for model, url in reversed(models.items()))
    if strict:
        raise ConfigurationError(
            f"the servers run different models: {listed}", "Give servers with the same model, or leave out --strict."
        )
    observer(Notice(f"the servers run different models ({listed}): all are asked as the first one is", warning=True))
