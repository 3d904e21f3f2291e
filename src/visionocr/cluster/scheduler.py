"""A Dask scheduler: how it is reached, and whether the workers behind it are like us."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import warnings
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from visionocr.errors import ConfigurationError, ServerUnreachable
from visionocr.extras import install_hint

_LOCAL = "local:"
_MOST_LOCAL = 256
_CONNECT = 6.0
"""Seconds that the scheduler may take to answer at all."""
_REGISTER = 10.0
"""Seconds that it may take to accept the client."""
_CLOSE = 2.0
"""Seconds that the client may take to leave."""
_END = 10.0
"""Seconds that a local cluster may take to end."""
_IGNORE_CTRL_C = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"
"""Ctrl-C at a terminal reaches all processes of a command; local workers are stopped by the command."""


def connect(address: str) -> tuple[Any, Any]:
    """The local cluster, if it is one, and a client. Raises a ``ConfigurationError`` or ``ServerUnreachable``."""
    number = address.removeprefix(_LOCAL) if address.startswith(_LOCAL) else ""
    local = number.isascii() and number.isdecimal() and 1 <= int(number) <= _MOST_LOCAL
    if not local and (address.startswith(_LOCAL) or "://" not in address):
        raise ConfigurationError(f"--cluster {address} is no address", "Example: tcp://scheduler:8786, or local:2.")
    try:
        import distributed
    except ImportError:
        raise ConfigurationError("--cluster needs Dask, which is not installed", install_hint("cluster")) from None
    for name in list(logging.root.manager.loggerDict):
        if name.split(".")[0] in {"distributed", "asyncio", "tornado"}:
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)  # what matters is said in our words
    cluster = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            if local:
                cluster = distributed.LocalCluster(  # type: ignore[no-untyped-call]
                    n_workers=int(number),
                    threads_per_worker=1,
                    processes=True,
                    dashboard_address=None,
                    silence_logs=logging.CRITICAL + 1,
                    security=importlib.util.find_spec("cryptography") is not None or None,
                    preload=[_IGNORE_CTRL_C],
                )
                # Dask would close it once more at the end of the process, which fails while it is being closed.
                cluster.shutdown_on_close = False
            elif address.startswith("tcp://"):
                _greet(address)
            client = distributed.Client(cluster or address, timeout=_REGISTER, set_as_default=False)  # type: ignore[no-untyped-call]
            return cluster, client
        except Exception as error:  # noqa: BLE001 - what is no scheduler may answer anything
            disconnect(cluster, None)
            # The first bytes of another language are taken for a length.
            reason = "something else is there" if isinstance(error, MemoryError) else str(error) or type(error).__name__
            raise ServerUnreachable(
                f"no Dask scheduler answers at {address}: {reason}", "Start it: dask scheduler"
            ) from None


def as_completed(client: Any) -> Any:
    """A collection of tasks that gives each with its result, or with what went wrong, when it is done."""
    import distributed

    return distributed.as_completed(loop=client.loop, with_results=True, raise_errors=False)  # type: ignore[no-untyped-call]


def disconnect(cluster: Any, client: Any) -> None:
    """Leave the scheduler; a local cluster ends."""
    for one, seconds in ((client, _CLOSE), (cluster, _END)):
        if one is not None:
            with contextlib.suppress(Exception):  # whatever is left of it
                one.close(timeout=seconds)


def check_versions(worker: str, ours: Mapping[str, str | None], theirs: Mapping[str, str | None]) -> None:
    """Raise a ``ConfigurationError`` when a worker has another visionocr or Python than we have."""
    hint = "Workers, scheduler and this command need the same visionocr and the same Python."
    for name, parts in (("visionocr", None), ("python", 2)):
        here, there = (".".join((versions[name] or "").split(".")[:parts]) for versions in (ours, theirs))
        if here != there:
            has = f"has {name} {there}, here is {here}" if there else f"has no {name}"
            raise ConfigurationError(f"the worker {worker} {has}", hint)


def _greet(address: str) -> None:
    """See whether a scheduler is there: a client waits for ever for somebody who says nothing."""
    import asyncio

    from distributed.comm import core

    async def greet() -> None:
        comm = await asyncio.wait_for(core.connect(address, timeout=_CONNECT), _CONNECT)  # type: ignore[no-untyped-call]
        await comm.close()

    with ThreadPoolExecutor(1) as pool:  # an event loop may run in this thread
        pool.submit(asyncio.run, greet()).result()
