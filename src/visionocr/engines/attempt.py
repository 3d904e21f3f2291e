"""One request on its way: sent in a thread of its own, watched, and stopped by the key that names it."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass, replace

from visionocr.engines.body import encoded
from visionocr.engines.connection import Line
from visionocr.engines.dialects import Dialect, Streaming, explained
from visionocr.engines.events import Stream
from visionocr.engines.http import Http, Reply, TimedOut
from visionocr.engines.monitor import Limits, ProgressSnapshot, Verdict, Watch
from visionocr.engines.request_queue import QueuedRequest, RequestQueue
from visionocr.errors import RequestRefused, ServerError, ServerUnreachable
from visionocr.types import Completion, FinishReason, Observer, Progress, Request, Server
from visionocr.types import Retrying as RetryingEvent

_ABORTS = 3
_BETWEEN_ABORTS = 0.25
"""Seconds."""
_REASONS = {Verdict.LOOP: FinishReason.LOOP, Verdict.TIME: FinishReason.TIME}


class Moved(ServerUnreachable):
    """Given up here, because another server will be done with it sooner."""


@dataclass(frozen=True, slots=True)
class Ending:
    """Seconds that a stopped request gets."""

    answer: float = 30.0
    """To give back what it has: an abort takes effect after the current batch of the prompt."""
    idle: float = 60.0
    """To leave the server idle."""


class Attempt:
    """One request to one server. Use once."""

    def __init__(
        self,
        http: Http,
        dialect: Dialect,
        server: Server,
        request: Request,
        *,
        limits: Limits,
        observer: Observer,
        sleep: Callable[[float], object],
        ending: Ending,
        cancelled: threading.Event,
        turns: RequestQueue,
        turn: QueuedRequest,
        leave: Callable[[], bool] = lambda: False,
    ) -> None:
        """``turn`` is its place among our requests there; ``leave`` says that it is better asked elsewhere."""
        # A key that the server has seen may be armed to abort its next use, so every attempt has a fresh one.
        self._key = f"visionocr-{secrets.token_hex(8)}"
        self._http, self._dialect, self._server, self._request = http, dialect, server, request
        self._limits, self._observer, self._sleep, self._ending = limits, observer, sleep, ending
        self._cancelled = cancelled
        self._turns, self._turn, self._leave = turns, turn, leave
        self._line = Line()
        self._stream = Stream(dialect.piece) if isinstance(dialect, Streaming) else None
        self._reply: Future[Reply] = Future()

    def run(self) -> Completion:
        """Send it and wait for the answer, or for a reason to stop it.

        Raises what ``Http.post`` and the dialect's ``decode`` raise, as the dialect explains it, ``TimedOut`` after
        too long a silence, ``RequestRefused`` for a body that the server would not take, ``Moved`` when it is
        better asked elsewhere.
        """
        try:
            return self._run()
        except ServerError as error:
            raise explained(self._dialect, error) from None

    def _run(self) -> Completion:
        body = self._body()
        threading.Thread(target=self._post, args=(body,), name="post", daemon=True).start()
        watch = Watch(
            self._look,
            self._limits,
            time.monotonic,
            self._tell,
            waits=lambda: self._turn.began is None,
            leave=self._leave,
        )
        verdict = watch.until(self._reply)
        if verdict is Verdict.DONE:
            return self._answer()
        if verdict is Verdict.MOVED:
            self.stop()
            raise Moved(f"{self._http.base} is slower than others that are free")
        if verdict is Verdict.SILENT:
            self._give_up()
            raise TimedOut(f"{self._http.base} gave no sign of life for {self._limits.silence:.0f} s")
        return self._cut_short(verdict, watch)

    def stop(self) -> None:
        """Abort it, more than once: the first abort may overtake the request on its way. Any thread."""
        for _ in range(_ABORTS):
            self._abort()
            if wait([self._reply], timeout=_BETWEEN_ABORTS).done:
                return
        self._line.hang_up()

    def _answer(self) -> Completion:
        """The completion in the reply; its seconds are those that the server can have worked on it."""
        completion = self._dialect.decode(self._http, self._reply.result(), self._request)
        began = self._turn.sent if self._turn.began is None else self._turn.began
        return replace(completion, seconds=max(0.0, completion.seconds - (began - self._turn.sent)))

    def _post(self, body: bytes) -> None:
        try:
            hear = self._stream.hear if self._stream else None
            self._reply.set_result(self._http.post(self._dialect.GENERATE, body, line=self._line, hear=hear))
        except BaseException as error:  # noqa: BLE001 - whoever waits for the reply gets it
            self._reply.set_exception(error)

    def _look(self) -> ProgressSnapshot | None:
        """What has come of the answer, else what the server shows of itself."""
        return (self._stream and self._stream.sight()) or self._dialect.look(self._http, self._key)

    def _body(self) -> bytes:
        body = encoded(self._dialect, self._server, self._request, self._key)
        limit = self._server.max_body
        if limit is not None and len(body) > limit:
            raise RequestRefused(
                f"the request has {len(body) / 1024**2:.1f} MiB; the server takes {limit // 1024**2}",
                "Give a smaller --max-side or --batch.",
            )
        return body

    def _cut_short(self, verdict: Verdict, watch: Watch) -> Completion:
        """Stop a request that is alive but not worth waiting for, and take what there is of its answer."""
        self._abort()
        wait([self._reply], timeout=self._ending.answer)
        try:
            if self._reply.done():
                return replace(self._answer(), finish_reason=_REASONS[verdict])
            self._give_up()
        except ServerError:
            pass  # what was seen while it grew is what there is
        text = watch.life.text if watch.life else ""
        if not text:
            raise TimedOut(f"{self._http.base} took longer than {self._limits.total:.0f} s for one answer")
        return Completion(text, _REASONS[verdict])

    def _give_up(self) -> None:
        """A request that we no longer wait for goes on in the server: stop it, hang up, let the server become idle.

        While another request of ours is there, it does not become idle; that one is looked after as it is.
        """
        self._abort()
        wait([self._reply], timeout=_BETWEEN_ABORTS)
        self._line.hang_up()
        deadline = self._http.clock() + self._ending.idle
        while self._http.clock() < deadline and not self._cancelled.is_set() and self._turns.lonely(self._turn):
            try:
                if self._dialect.is_idle(self._http):
                    return
            except ServerError:
                return
            self._sleep(0.5)

    def _abort(self) -> None:
        if self._stream is not None or not self._server.aborts:
            self._line.hang_up()  # the server notices that nobody listens, or cannot be told at all
            return
        try:
            self._dialect.abort(self._http, self._key)
        except ServerError as error:
            self._observer(RetryingEvent(f"could not abort: {error.message}", 0.0, 0))

    def _tell(self, characters: int, seconds: float) -> None:
        for image in self._request.prompt.images[:1]:
            self._observer(Progress(image.page, characters, seconds))
