"""One server as an ``Engine``: attempts, transport retries, aborts."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, stop_after_delay
from tenacity.stop import stop_base

from visionocr.errors import Interrupted, RequestRefused, ServerBusy, ServerError, ServerUnreachable
from visionocr.prompting.render import wrap
from visionocr.servers.dialects import Dialect
from visionocr.servers.http import ConnectionLost, Http, TimedOut
from visionocr.types import Completion, Observer, Request, Server, ignore
from visionocr.types import Retrying as RetryingEvent


@dataclass(frozen=True, slots=True)
class Patience:
    """How long, and how, the same request is tried again. Times in seconds."""

    busy: float = 1800.0
    """A server that is busy is asked again for this long: it is never a page's fault."""
    reconnects: int = 4
    """Attempts to reach a server that answered before and now does not."""
    first_wait: float = 0.2
    longest_wait: float = 10.0
    idle: float = 60.0
    """After a time-out and an abort, so long the server may need to become idle."""
    abort: float = 1.5
    """A user who stops the run waits no longer than this for the server to take note."""
    jitter: Callable[[], float] = lambda: secrets.randbelow(1000) / 1000


class ServerEngine:
    """One server. ``complete`` may run in several threads; each attempt opens its own connection."""

    def __init__(
        self,
        http: Http,
        server: Server,
        dialect: Dialect,
        *,
        observer: Observer = ignore,
        patience: Patience | None = None,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self.server = server
        self._http = http
        self._dialect = dialect
        self._observer = observer
        self._patience = patience or Patience()
        self._cancelled = threading.Event()
        self._sleep = sleep or self._cancelled.wait
        self._running: set[str] = set()
        self._lock = threading.Lock()
        self._count = lru_cache(maxsize=256)(self._count_uncached)

    def complete(self, request: Request) -> Completion:
        """See ``Engine.complete``. Busy answers are waited out; whatever will not change is raised at once."""
        attempts = 0
        for attempt in self._retrying():
            with attempt:
                attempts += 1
                text_tokens = self.count_tokens(wrap(request.prompt))
                completion = self._attempt(request)
        return replace(
            completion,
            text_tokens=text_tokens,
            server=self.server.url,
            model=self.server.model,
            retries=attempts - 1,
        )

    def count_tokens(self, text: str) -> int | None:
        """See ``Engine.count_tokens``. Counts are remembered: the prompt is the same for every page."""
        return self._count(text)

    def cancel(self) -> None:
        """Abort what runs, by its own keys, and let no further attempt start."""
        self._cancelled.set()
        with self._lock:
            keys = tuple(self._running)
        threads = [threading.Thread(target=self._abort, args=(key,), daemon=True) for key in keys]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(self._patience.abort / len(threads))

    def close(self) -> None:
        """Nothing is held between requests."""

    def _attempt(self, request: Request) -> Completion:
        if self._cancelled.is_set():
            raise Interrupted("stopped")
        # A key that the server has seen may be armed to abort its next use, so every attempt has a fresh one.
        key = f"visionocr-{secrets.token_hex(8)}"
        body = json.dumps(self._dialect.encode(request, key)).encode()
        limit = self.server.max_body
        if limit is not None and len(body) > limit:
            raise RequestRefused(
                f"the request has {len(body) / 1024**2:.1f} MiB; the server takes {limit // 1024**2}",
                "Give a smaller --max-side or --batch.",
            )
        with self._lock:
            self._running.add(key)
        try:
            reply = self._http.post(self._dialect.GENERATE, body)
            return self._dialect.decode(self._http, reply, request)
        except TimedOut:
            self._give_up(key)
            raise
        except ConnectionLost as error:
            raise self._explain(error) from None
        finally:
            with self._lock:
                self._running.discard(key)

    def _give_up(self, key: str) -> None:
        """A request that we no longer wait for goes on in the server: stop it, then let it become idle."""
        self._abort(key)
        deadline = time.monotonic() + self._patience.idle
        while time.monotonic() < deadline and not self._cancelled.is_set():
            try:
                if self._dialect.is_idle(self._http):
                    return
            except ServerError:
                return
            self._sleep(0.5)

    def _abort(self, key: str) -> None:
        try:
            self._dialect.abort(self._http, key)
        except ServerError as error:
            self._observer(RetryingEvent(f"could not abort: {error.message}", 0.0, 0))

    def _explain(self, error: ConnectionLost) -> ServerError:
        """A closed connection is a request the server could not take, or its death: it still answers, or not."""
        if self._cancelled.is_set():
            return error
        try:
            self._dialect.recognise(self._http)
        except ServerUnreachable:
            return ServerUnreachable(
                f"{self._http.base} went away while it worked on this request",
                "It may have crashed: look at its console, start it again and repeat the command.",
            )
        except ServerError:
            pass
        return error

    def _retrying(self) -> Retrying:
        patience = self._patience

        def wait(state: RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            asked = error.retry_after if isinstance(error, ServerBusy) else None
            growth = min(patience.first_wait * 2 ** min(state.attempt_number - 1, 20), patience.longest_wait)
            return asked if asked is not None else growth * (0.5 + patience.jitter() / 2)

        def report(state: RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            reason = error.message if isinstance(error, ServerError) else str(error)
            wait = state.next_action.sleep if state.next_action else 0.0
            self._observer(RetryingEvent(reason, wait, state.attempt_number))

        return Retrying(
            retry=retry_if_exception_type((ServerBusy, ServerUnreachable)),
            stop=_Stop(self._cancelled, patience),
            wait=wait,
            sleep=self._pause,
            before_sleep=report,
            reraise=True,
        )

    def _pause(self, seconds: float) -> None:
        self._sleep(seconds)

    def _count_uncached(self, text: str) -> int | None:
        return self._dialect.count_tokens(self._http, text)


class _Stop(stop_base):
    """Busy is waited out by time, an absent server by attempts, and nothing is tried after a cancel."""

    def __init__(self, cancelled: threading.Event, patience: Patience) -> None:
        self._cancelled = cancelled
        self._busy = stop_after_delay(patience.busy)
        self._absent = stop_after_attempt(patience.reconnects)

    def __call__(self, retry_state: RetryCallState) -> bool:
        error = retry_state.outcome.exception() if retry_state.outcome else None
        limit = self._absent if isinstance(error, ServerUnreachable) else self._busy
        return self._cancelled.is_set() or limit(retry_state)
