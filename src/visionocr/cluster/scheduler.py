"""Dask: how a cluster is reached, what its workers are asked first, and the task. The only home of ``distributed``."""

from __future__ import annotations

import importlib.util
import logging
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from visionocr import __version__
from visionocr.cluster import remote
from visionocr.cluster.document_cache import Part
from visionocr.cluster.remote import Order, Outcome
from visionocr.errors import ConfigurationError, ServerUnreachable, VisionOcrError

LOCAL = "local:"
_MOST_LOCAL = 256
_LONGEST = 500
"""Characters of what went wrong."""
TIME = 20.0
"""Seconds that the cluster may take for small things."""
_DEAF = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"
"""Ctrl-C at the terminal reaches all processes of a command; ending the workers is for us."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a task gives. Errors travel as values: what Dask makes of exceptions may not be readable at this end."""

    value: Any = None
    error: VisionOcrError | None = None
    fault: str = ""
    """What else went wrong there, in a line."""


def task(function: Callable[..., Any], order: Order, *arguments: Any) -> Reply:
    """What every task does: call a function of ``remote``."""
    try:
        return Reply(function(order, *arguments))
    except VisionOcrError as error:
        error.__cause__ = error.__context__ = None
        return Reply(error=error.with_traceback(None))
    except Exception as error:  # noqa: BLE001 - the one who started the run says it
        return Reply(fault=f"{type(error).__name__}: {error}"[:_LONGEST])


def read(order: Order, part: Part) -> Outcome:
    """Read a part beside others, so that a worker with one thread reads ahead as well."""
    from distributed import get_worker, secede

    worker = get_worker()
    key = worker.get_current_task()
    secede()  # type: ignore[no-untyped-call]

    def wanted() -> bool:
        found = worker.state.tasks.get(key)
        return found is not None and found.state != "cancelled"

    return remote.read_part(order, part, wanted)


def facts_of() -> Callable[[], dict[str, Any]]:
    """A function that needs nothing of ours where it runs: made here, it travels as it is."""
    names = remote.URL_VARIABLE, remote.KEY_VARIABLE

    def facts() -> dict[str, Any]:
        import os
        import sys

        try:
            from visionocr import __version__ as ours
        except ImportError:
            ours = ""
        url, key = (bool(os.environ.get(name)) for name in names)
        return {"visionocr": ours, "python": f"{sys.version_info[0]}.{sys.version_info[1]}", "url": url, "key": key}

    return facts


def check_versions(worker: str, facts: Any) -> None:
    """Raise a ``ConfigurationError`` when a worker's *facts* (see ``facts_of``) say that it is not like us."""
    if not isinstance(facts, dict):
        raise ServerUnreachable(f"the worker {worker} does not answer as it should: {facts}")
    hint = "Workers, scheduler and this command need the same visionocr and the same Python."
    ours = {"visionocr": __version__, "python": f"{sys.version_info[0]}.{sys.version_info[1]}"}
    for name, version in ours.items():
        if not facts[name]:
            raise ConfigurationError(f"the worker {worker} has no {name}", hint)
        if facts[name] != version:
            raise ConfigurationError(f"the worker {worker} has {name} {facts[name]}, here is {version}", hint)


def connected(address: str) -> tuple[Any, Any]:
    """The local cluster, if it is one, and a client. Raises a ``ConfigurationError`` or ``ServerUnreachable``."""
    number = address.removeprefix(LOCAL) if address.startswith(LOCAL) else ""
    few = number.isascii() and number.isdecimal() and 1 <= int(number) <= _MOST_LOCAL
    if not few and (address.startswith(LOCAL) or "://" not in address):
        raise ConfigurationError(f"--cluster {address} is no address", "Example: tcp://scheduler:8786, or local:2.")
    try:
        import distributed
    except ImportError:
        raise ConfigurationError(
            "--cluster needs Dask, which is not installed", 'Install it with: pip install "visionocr[cluster]"'
        ) from None
    names = [name for name in logging.root.manager.loggerDict if name.split(".")[0] == "distributed"]
    for logger in [*names, "asyncio"]:
        logging.getLogger(logger).setLevel(logging.CRITICAL + 1)  # what matters is said in our words
    cluster = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            if few:
                cluster = distributed.LocalCluster(  # type: ignore[no-untyped-call]
                    n_workers=int(number),
                    threads_per_worker=1,
                    processes=True,
                    dashboard_address=None,
                    silence_logs=logging.CRITICAL + 1,
                    security=importlib.util.find_spec("cryptography") is not None or None,
                    preload=[_DEAF],
                )
            client = distributed.Client(cluster or address, timeout=TIME, set_as_default=False)  # type: ignore[no-untyped-call]
            return cluster, client
        except (OSError, TimeoutError, ValueError, RuntimeError) as error:
            if cluster is not None:
                cluster.close(timeout=TIME)
            reason = str(error) or type(error).__name__
            raise ServerUnreachable(
                f"no Dask scheduler answers at {address}: {reason}", "Start it: dask scheduler"
            ) from None
