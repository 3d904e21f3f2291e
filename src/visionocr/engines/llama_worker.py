"""The program part of a child process that serves a model: llama.cpp's own server, on a free port of this machine."""

from __future__ import annotations

import signal
import sys
from typing import Any

from visionocr.worker_main import Ask, Frame, Handler, Head


def serve() -> Handler:
    """Answer ``{"model": …, "projector": …, "key": …, …}`` (see ``llama.Launch``) with ``{"address": …}``, once."""
    servers: list[Any] = []

    def start(launch: Head, _body: bytes, _ask: Ask) -> Frame:
        if sys.platform == "linux":
            # While it loads, the library keeps the interpreter to itself, and nobody here would see the parent go.
            # No further frame will come, so what happens to the pipe now is its end: let it end this process.
            signal.signal(signal.SIGIO, signal.SIG_DFL)
        servers.append(_start_server(launch))
        return {"address": servers[0].listening_address}, b""

    return start


def _start_server(launch: Head) -> Any:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = launch["model"]
    params.mmproj.path = launch["projector"]
    params.api_keys = [launch["key"]]
    params.hostnames = ["127.0.0.1"]
    params.port = 0  # a free one
    params.n_ctx = launch["context"]
    params.n_parallel = launch["slots"]
    params.cache_ram_mib = 0  # the prompts of pages are never used again
    params.ui = False
    params.offline = True
    params.warmup = False
    if launch["threads"] is not None:
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = launch["threads"]
    if launch["gpu_layers"] is not None:
        params.n_gpu_layers = launch["gpu_layers"]
        params.mmproj_use_gpu = launch["gpu_layers"] > 0
    return xllamacpp.Server(params)
