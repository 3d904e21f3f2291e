"""One attempt at a request: sent in a thread of its own, monitored, and aborted by its own key."""

from __future__ import annotations

import base64
import contextlib
import json
import math
import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass, field, replace
from typing import Any

from visionocr.engines.connection import Connection
from visionocr.engines.dialects.base import Dialect, ProgressSnapshot
from visionocr.engines.http import Http, Reply
from visionocr.engines.http_errors import TOO_LARGE_HINT, GatewayTimedOut, GenerationFailed, TimedOut
from visionocr.engines.monitor import Limits, Monitor, Verdict
from visionocr.engines.request_queue import QueuedRequest, RequestQueue
from visionocr.engines.retry_policy import RetryPolicy
from visionocr.errors import Interrupted, RequestTooLarge, ServerBusy, ServerError, ServerUnreachable
from visionocr.stop import Stop
from visionocr.types import Completion, FinishReason, Observer, PageImage, Progress, Request, Retrying, Server

_ABORTS = 3
_ABORT_PAUSE = 0.25
"""Seconds between them."""
_IDLE_PAUSE = 0.5
"""Seconds between looks whether a server is idle."""
_REASONS = {Verdict.LOOP: FinishReason.LOOP, Verdict.TIME: FinishReason.TIME}


class Moved(ServerUnreachable):
    """Given up here, because another server will be done with it sooner."""


class Recalled(ServerBusy):
    """Called back out of the server's queue, to be sent again when the server has time for it."""


def scale_to(limit: int, size: int) -> float:
    """The scale of a picture that brings a body of *size* bytes down to *limit*: its bytes grow with its area."""
    return math.sqrt(limit / size) * 0.97


def make_body(dialect: Dialect, server: Server, request: Request, key: str) -> bytes:
    """The JSON that *dialect* makes of *request*.

    A JSON encoder looks at every character of a picture, which is the greater part of all that sending a scanned page
    costs. So the dialect is given random stand-ins, whose base64 is replaced by that of the pictures in the end.
    """
    parts = request.prompt.parts
    stand_ins = tuple(
        replace(part, data=secrets.token_bytes(18)) if isinstance(part, PageImage) else part for part in parts
    )
    prompt = replace(request.prompt, parts=stand_ins)
    body = json.dumps(dialect.encode(server, replace(request, prompt=prompt), key)).encode()
    for stand_in, part in zip(stand_ins, parts, strict=True):
        if isinstance(stand_in, PageImage) and isinstance(part, PageImage):
            body = body.replace(base64.b64encode(stand_in.data), base64.b64encode(part.data))
    return body


@dataclass(kw_only=True, eq=False)
class Attempt:
    """One request to one server. Use once."""

    http: Http
    dialect: Dialect
    server: Server
    request: Request
    limits: Limits
    policy: RetryPolicy
    observer: Observer
    stop: Stop
    queue: RequestQueue
    place: QueuedRequest
    """Its place in the queue of our requests at that server."""
    should_leave: Callable[[], bool]
    """Says whether another server should answer it instead."""
    given_up: Callable[[GatewayTimedOut], None]
    """Called when a gateway waits no longer for the answer, but the server goes on."""
    seconds_to_text: float = field(init=False, default=0.0)
    """How long the answer took to begin, as far as that was seen."""
    # An abort may also apply to the next request with the same key, so every attempt has a fresh one.
    _key: str = field(init=False, default_factory=lambda: f"visionocr-{secrets.token_hex(8)}")
    _connection: Connection = field(init=False, default_factory=Connection)
    _pieces: list[str] = field(init=False, default_factory=list)
    """The text of each event of an answer that comes as a stream."""
    _reply: Future[Reply | Completion] = field(init=False, default_factory=Future)
    """A completion where it was fetched after the connection was lost."""
    _wake: threading.Event = field(init=False, default_factory=threading.Event)
    _is_lost: bool = field(init=False, default=False)
    """The connection is lost, but the server goes on: the answer is to be fetched."""
    _seen: str = field(init=False, default="")
    """The last text that was seen of it."""

    def run(self) -> Completion:
        """Send it and wait for the answer, or for a reason to stop it.

        Raises what ``Http.post`` and the dialect's ``decode`` raise, ``TimedOut`` after too long without progress,
        ``RequestTooLarge`` for a body that the server would not take, ``Moved`` when it is better asked elsewhere,
        ``Recalled`` when it shall not wait in the server's queue, ``Interrupted`` when the run is stopped.
        """
        body = make_body(self.dialect, self.server, self.request, self._key)
        self.place.size = len(body)
        limit = self.server.max_body
        if limit is not None and len(body) > limit:
            raise RequestTooLarge(
                f"the request has {len(body) / 1024:,.0f} KiB; the server takes {limit / 1024:,.0f}",
                TOO_LARGE_HINT,
                scale_to(limit, len(body)),
            )
        # Not in a thread pool: Python would wait for its threads before it ends.
        threading.Thread(target=self._post, args=(body,), name=f"post to {self.http.base}", daemon=True).start()
        monitor = Monitor(
            self._poll,
            self.limits,
            time.monotonic,
            self._report,
            is_waiting=lambda: self.place.began is None,
            should_leave=lambda: self.place.recalled or self.should_leave(),
            is_alive=self._is_alive,
            has_begun=lambda: self.queue.note_begun(self.place),
            stop=self.stop,
            wake=self._wake,
        )
        try:
            verdict = monitor.watch(self._reply)
            if verdict is Verdict.DONE:
                completion = self._completion()
                self.seconds_to_text = monitor.seconds_to_text or completion.seconds
                return completion
            if verdict is Verdict.SILENT:
                self._give_up()
                raise TimedOut(f"{self.http.base} made no progress for {self.limits.silence:.0f} s")
            if verdict is Verdict.MOVED:
                self._end()
                if self.place.recalled:
                    raise Recalled(f"{self.http.base} shall work on one request at a time")
                raise Moved(f"{self.http.base} is slower than others that are free")
            return self._cut_short(verdict, monitor.snapshot)
        except Interrupted:
            self._end()
            raise

    def _post(self, body: bytes) -> None:
        def add(event: Any) -> None:
            self._pieces.append(self.dialect.event_text(event))

        on_event = add if self.dialect.STREAMS else None
        try:
            reply = self.http.post(self.dialect.GENERATE, body, connection=self._connection, on_event=on_event)
        except BaseException as error:  # noqa: BLE001 - whoever waits for the reply gets it
            if isinstance(error, GatewayTimedOut) and self.dialect.OUTLIVES:
                self._is_lost = True
                self.given_up(error)
                self._wake.set()
            else:
                self._reply.set_exception(error)
        else:
            self._reply.set_result(reply)

    def _completion(self) -> Completion:
        """The completion in the reply; its seconds are those that the server can have worked on it."""
        result = self._reply.result()
        if isinstance(result, Completion):
            completion = replace(result, seconds=self.http.clock() - self.place.sent)
        else:
            completion = self.dialect.decode(self.http, result, self.request)
        began = self.place.sent if self.place.began is None else self.place.began
        return replace(completion, seconds=max(0.0, completion.seconds - (began - self.place.sent)))

    def _poll(self) -> ProgressSnapshot | None:
        """The part of a streamed answer received so far, else what the server reports about its progress."""
        if self._pieces:
            return ProgressSnapshot("".join(self._pieces), generations=len(self._pieces))
        if self._is_lost:
            self._fetch()
            if self._reply.done():
                return None
        snapshot = self.dialect.poll(self.http, self._key)
        self._seen = snapshot.text if snapshot is not None and snapshot.text else self._seen
        return snapshot

    def _fetch(self) -> None:
        """Take the answer of a request whose connection is lost, if it is finished."""
        if not self._seen and self.http.clock() - self.place.sent > self.policy.busy:
            self._abort(self.http)
            self._reply.set_exception(
                GenerationFailed(f"{self.http.base} shows nothing of a request after all this time")
            )
            return
        try:
            completion = self.dialect.fetch(self.http, self._key, self.request, self._seen)
        except GenerationFailed as error:
            self._reply.set_exception(error)
        else:
            if completion is not None:
                self._reply.set_result(completion)

    def _is_alive(self) -> bool:
        """Whether the server answers a small question."""
        try:
            return self.dialect.recognise(self.http) is not None
        except ServerBusy:
            return True
        except ServerError:
            return False

    def _report(self, characters: int, seconds: float) -> None:
        for image in self.request.prompt.images[:1]:
            self.observer(Progress(image.page, characters, seconds))

    def _cut_short(self, verdict: Verdict, seen: ProgressSnapshot | None) -> Completion:
        """Abort a request that is not worth waiting for, and keep the part of the answer that there is."""
        self._abort(self.http)
        with self.stop.waking(self._connection.close):
            self._wait_for_last_answer()
        try:
            if self._reply.done():
                return replace(self._completion(), finish_reason=_REASONS[verdict])
            self._give_up()
        except ServerError:
            pass  # what was seen while it grew is what there is
        if seen is None or not seen.text:
            raise TimedOut(f"{self.http.base} took longer than {self.limits.total:.0f} s for one answer")
        return Completion(seen.text, _REASONS[verdict])

    def _wait_for_last_answer(self) -> None:
        deadline = time.monotonic() + self.policy.last_answer
        while self._is_lost and time.monotonic() < deadline and not self._reply.done():
            if self.stop.wait(_ABORT_PAUSE):
                return
            with contextlib.suppress(ServerError):
                self._fetch()
        wait([self._reply], timeout=max(0.0, deadline - time.monotonic()))

    def _give_up(self) -> None:
        """A request that we no longer wait for goes on in the server: stop it, hang up, let the server become idle.

        While another request of ours is there, it does not become idle; that one is looked after as it is.
        """
        self._abort(self.http)
        wait([self._reply], timeout=_ABORT_PAUSE)
        self._connection.close()
        deadline = self.http.clock() + self.policy.idle
        while self.http.clock() < deadline and self.queue.is_alone(self.place):
            try:
                if self.dialect.is_idle(self.http):
                    return
            except ServerError:
                return
            if self.stop.wait(_IDLE_PAUSE):
                return

    def _end(self) -> None:
        """Abort it and hang up, within the time that the policy has for it.

        It is aborted more than once: the first abort may overtake the request on its way.
        """
        deadline = time.monotonic() + self.policy.abort
        for _ in range(_ABORTS):
            left = deadline - time.monotonic()
            if left <= 0 or self._reply.done():
                break
            self._abort(replace(self.http, stop=Stop(), quick_timeout=left))
            wait([self._reply], timeout=_ABORT_PAUSE)
        self._connection.close()

    def _abort(self, http: Http) -> None:
        if self.dialect.STREAMS or not self.server.aborts:
            self._connection.close()  # the server notices the closed connection, or cannot be reached at all
            return
        try:
            self.dialect.abort(http, self._key)
        except ServerError as error:
            self.observer(Retrying(f"could not abort: {error.message}", 0.0, 0))
