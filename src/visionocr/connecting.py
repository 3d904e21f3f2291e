"""Several addresses become one engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from visionocr.errors import ConfigurationError, ServerRefused, UsageError, VisionOcrError
from visionocr.settings import Settings
from visionocr.text import printable
from visionocr.types import Engine, Notice, Observer

if TYPE_CHECKING:
    from visionocr.engines.pool_member import PoolMember
    from visionocr.engines.server import ServerEngine

Connect = Callable[[Settings, str, Observer], "ServerEngine"]
_T = TypeVar("_T")
_R = TypeVar("_R")


def connect_all(settings: Settings, connect: Connect, observer: Observer) -> Engine:
    """The servers that the settings name as one engine; one that cannot be used now is left out until it can.

    Raises ``UsageError`` for a wrong address, ``ConfigurationError`` for different models under ``--strict``, and why
    the first server cannot be used when none can.
    """
    from visionocr.engines.address import base_url
    from visionocr.engines.pool import PoolEngine
    from visionocr.engines.pool_member import PoolMember
    from visionocr.engines.retry_policy import RetryPolicy

    strict = settings.strict
    urls = list(dict.fromkeys(base_url(address) for address in settings.api_url))
    if len(urls) == 1:
        return connect(settings, urls[0], observer)
    members = [PoolMember(url, partial(connect, settings, url, observer)) for url in urls]
    for member, found in zip(members, together(_check_vision, members), strict=True):
        if isinstance(found, VisionOcrError):
            member.error = found
        else:
            member.engine = found
    engines = [member.engine for member in members if member.engine is not None]
    if not engines:
        first = members[0].error
        assert first is not None
        raise first
    if all(engine.server.vision is False for engine in engines):
        return engines[0]  # whoever looks at it will say so
    for member in members:
        if member.engine is not None and member.engine.server.vision is False:
            member.error = ServerRefused(f"the {member.engine.server.kind} at {member.url} cannot see pictures")
            member.engine = None
        if member.error is not None:
            observer(Notice(f"{member.error.message}: going on without it until it can be used", warning=True))
    _compare([member.engine for member in members if member.engine is not None], strict, observer)
    return PoolEngine(members, observer=observer, patience=RetryPolicy(absent=settings.wait_server), strict=strict)


def servers_of(engine: Engine) -> Sequence[Engine]:
    """The servers behind an engine: those of a pool, or the engine itself."""
    engines: Sequence[Engine] = getattr(engine, "engines", (engine,))
    return engines


def together(function: Callable[[_T], _R], values: Iterable[_T]) -> list[_R]:
    """*function* of each value, all at the same time: they wait for different servers. Raises the first error."""
    values = list(values)
    with ThreadPoolExecutor(max(1, len(values)), "server") as executor:
        return list(executor.map(function, values))


def _check_vision(member: PoolMember) -> ServerEngine | VisionOcrError:
    try:
        return member.connect()
    except (UsageError, ConfigurationError):
        raise
    except VisionOcrError as error:
        return error


def _compare(engines: Sequence[ServerEngine], strict: bool, observer: Observer) -> None:
    models = {engine.server.model: engine.server.url for engine in reversed(engines)}
    if len(models) < 2:
        return
    said = "; ".join(f"{printable(model) or 'without a name'} at {url}" for model, url in reversed(models.items()))
    if strict:
        raise ConfigurationError(
            f"the servers run different models: {said}", "Give servers with the same model, or leave out --strict."
        )
    observer(Notice(f"the servers run different models ({said}): all are asked as the first one is", warning=True))
