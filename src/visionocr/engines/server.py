"""One server as an ``Engine``: attempts, transport retries, aborts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from visionocr.engines.attempt import Attempt, Moved, scale_to
from visionocr.engines.dialects.base import Dialect
from visionocr.engines.http import Http
from visionocr.engines.http_errors import (
    TOO_LARGE_HINT,
    ConnectionLost,
    GatewayTimedOut,
    GenerationFailed,
    PathUnknown,
    ServerChanged,
    ServerCrowded,
    ServerDied,
    TimedOut,
)
from visionocr.engines.monitor import Limits
from visionocr.engines.request_queue import QueuedRequest, RequestQueue
from visionocr.engines.restart import probe_again
from visionocr.engines.retry_policy import RetryPolicy
from visionocr.engines.token_counter import TokenCounter
from visionocr.errors import (
    AnswerUnusable,
    RequestRefused,
    RequestTooLarge,
    ServerBusy,
    ServerError,
    ServerUnreachable,
)
from visionocr.stop import Stop
from visionocr.types import Completion, Notice, Observer, Request, Retrying, Server, ignore

_PATIENCE = 10
"""How many times as long as the longest so far an answer may take to begin: pages and a machine's load differ."""
MOST_DEATHS = 2
"""Crashes of the server over the same request after which it is not sent again; at the last one it was alone there."""


def request_killed_server(deaths: int) -> RequestRefused:
    """The error for a request over which servers crashed."""
    return RequestRefused(f"the server became unreachable {deaths} times while it worked on this page")


class ServerEngine:
    """One server. ``complete`` may run in several threads; each attempt opens its own connection."""

    def __init__(
        self,
        http: Http,
        server: Server,
        dialect: Dialect,
        *,
        observer: Observer = ignore,
        policy: RetryPolicy | None = None,
        max_time: float | None = None,
        stop: Stop | None = None,
    ) -> None:
        """*max_time*: seconds that an answer may take. *stop* is requested by ``cancel``; it is the engine's own."""
        self.server = server
        self._stop = stop or Stop()
        self._http = replace(http, stop=self._stop)
        self._dialect = dialect
        self._observer = observer
        self._policy = policy or RetryPolicy()
        self._max_time = max_time
        self._queue = RequestQueue(server.slots, server.in_flight, http.clock, self._stop)
        self._probing = threading.Lock()
        self._is_doubtful = False
        """A connection was lost: it may be another server by now."""
        self._largest_answered = 0
        """Bytes of the largest request that was answered."""
        self._longest_beginning = 0.0
        """Seconds that an answer took to begin, at the most."""
        self._tokens = TokenCounter(self._http, dialect, lambda bare: self.complete_once(bare, count_text=False))
        self._reported: set[type[ServerError]] = set()
        """The kinds of trouble of which the user was told."""

    def complete(self, request: Request) -> Completion:
        """See ``Engine.complete``. Busy answers are waited out; whatever will not change is raised at once."""
        clock, policy = self._http.clock, self._policy
        attempt = deaths = 0
        started = clock()
        absent_since: float | None = None
        while True:
            attempt += 1
            try:
                completion = self.complete_once(request, alone=deaths > 0)
                self._reported.discard(ServerUnreachable)
                return replace(completion, retries=attempt - 1 + completion.retries)
            except ServerUnreachable as error:
                deaths += isinstance(error, ServerDied)
                if deaths == MOST_DEATHS:
                    raise request_killed_server(deaths) from None
                absent_since = clock() if absent_since is None else absent_since
                if clock() - absent_since >= policy.absent:
                    raise
                self._wait(error, attempt)
            except ServerBusy as error:
                absent_since = None
                if clock() - started >= policy.busy:
                    raise
                self._wait(error, attempt)

    def complete_once(
        self,
        request: Request,
        *,
        alone: bool = False,
        should_leave: Callable[[], bool] = lambda: False,
        count_text: bool = True,
    ) -> Completion:
        """Send *request* once, as soon as there is room for it, and raise whatever comes instead of an answer.

        *alone*: with no other request of ours beside it, so that it is known who did what happens to the server.
        *should_leave* says that it is better asked elsewhere; then ``Moved`` is raised. *count_text*: find out how many
        tokens the prompt's text has.
        """
        self._stop.check()
        try:
            self._require_same_server()
            text_tokens = self._tokens.count_text(self.server, request.prompt) if count_text else None
            try:
                completion = self._attempt(request, alone, should_leave)
            except GenerationFailed as error:
                self._observer(Retrying(error.message, 0.0, 1))
                completion = replace(self._attempt(request, alone, should_leave), retries=1)
        except (ServerUnreachable, ConnectionLost, TimedOut) as error:
            self._is_doubtful = self._is_doubtful or not isinstance(error, Moved)
            raise
        self._stop.check()  # the answer of a cancelled request is incomplete
        return replace(completion, text_tokens=text_tokens, server=self.server.url, model=self.server.model)

    def _attempt(self, request: Request, alone: bool, should_leave: Callable[[], bool]) -> Completion:
        server = self.server
        with self._queue.place(alone=alone) as place:
            attempt = Attempt(
                http=self._http,
                dialect=self._dialect,
                server=server,
                request=request,
                limits=self._limits(),
                policy=self._policy,
                observer=self._observer,
                stop=self._stop,
                queue=self._queue,
                place=place,
                should_leave=should_leave,
                given_up=self._go_on_behind_gateway,
            )
            try:
                completion = attempt.run()
            except ServerError as error:
                self._stop.check()  # the error of a cancelled request means nothing
                raise self._diagnose(error, server, place) from None
        self._largest_answered = max(self._largest_answered, place.size)
        if request.prompt.images:
            self._longest_beginning = max(self._longest_beginning, attempt.seconds_to_text)
        return completion

    def _limits(self) -> Limits:
        """How long a request may be silent: at its beginning in proportion to what others took to begin."""
        timeout, known = self._http.timeout, self._longest_beginning * _PATIENCE
        return Limits(silence=timeout, beginning=max(timeout, known or self._policy.beginning), total=self._max_time)

    @property
    def capacity(self) -> int:
        """Requests that it can be given at once."""
        return self._queue.capacity

    def count_tokens(self, text: str) -> int | None:
        """See ``Engine.count_tokens``. Counts are remembered: the prompt is the same for every page."""
        return self._tokens.count(self.server, text)

    def cancel(self) -> None:
        """See ``Engine.cancel``: what runs is aborted by its own key, no further attempt starts."""
        self._stop.request()

    def close(self) -> None:
        """See ``Engine.close``. Waits a moment for what still runs to be aborted, so that nobody works for nothing."""
        self._stop.request()
        self._queue.wait_until_empty(self._policy.abort)

    def _diagnose(self, error: ServerError, server: Server, place: QueuedRequest) -> ServerError:
        """What *error* really is. What it says of the server, and how much that can take, is remembered."""
        error = self._dialect.explain(error)
        match error:
            case ServerChanged():
                self._adapt(server)
            case ServerCrowded():
                if not self._queue.halve(place):
                    return RequestRefused(error.message, error.hint)
            case GatewayTimedOut():
                return self._stream_behind_gateway(error, server)
            case ServerBusy():
                self._queue.limit_to_slots()
            case RequestTooLarge() if place.size <= (server.max_body or place.size):
                return self._learn_limit(place.size, error.message)
            case PathUnknown() if place.size > self._largest_answered > 0:
                # The path is known for smaller requests: some gateways say so that one is too large.
                return self._learn_limit(place.size, f"{self._http.base} refuses a request larger than others (404)")
            case ConnectionLost():
                # A closed connection is a request that the server could not take, or its death: it answers, or not.
                try:
                    if self._dialect.recognise(self._http) is not None:
                        return error
                except ServerUnreachable:
                    pass
                except ServerError:
                    return error
                return ServerDied(
                    f"{self._http.base} became unreachable while it worked on this request",
                    "It may have crashed: look at its console, start it again and repeat the command.",
                )
        return error

    def _go_on_behind_gateway(self, error: GatewayTimedOut) -> None:
        """A gateway gives up before the server answers: what waits in the server's queue would be given up, too."""
        self._queue.recall_waiting()
        self._report(error, "its answers are fetched when they are finished")

    def _stream_behind_gateway(self, error: GatewayTimedOut, server: Server) -> ServerError:
        """Nothing can be fetched here; but a gateway goes on waiting for an answer that comes in pieces."""
        self._report(error, "raise its time-out (nginx: proxy_read_timeout), or give the address of the server itself")
        if server.streams or not self._dialect.STREAMS:
            return AnswerUnusable(error.message)
        with self._probing:
            self.server = replace(self.server, streams=True)
        return error

    def _learn_limit(self, size: int, words: str) -> RequestTooLarge:
        """A body of *size* bytes was refused, by a limit that nobody tells: larger ones will not be sent again."""
        limit = min(size - 1, max(self._largest_answered, size * 3 // 4))
        with self._probing:
            self.server = replace(self.server, max_body=min(limit, self.server.max_body or limit))
        error = RequestTooLarge(f"{words}: it has {size / 1024:,.0f} KiB", TOO_LARGE_HINT, scale_to(limit, size))
        self._report(error, f"pages are sent as smaller pictures. {error.hint}")
        return error

    def _require_same_server(self) -> None:
        """After a lost connection: find out whether it is still the server that the run was planned for.

        Raises ``ServerUnreachable`` when it is not there again, ``ServerRefused`` when it is not what it was.
        """
        with self._probing:
            if self._is_doubtful:
                self.server = probe_again(self._http, self._dialect, self.server)
                self._is_doubtful = False

    def _adapt(self, old: Server) -> None:
        """Find out what the server that was started again needs, unless another thread has done it by now."""
        with self._probing:
            if self.server is old:
                self.server = probe_again(self._http, self._dialect, old)
                if self.server == old:
                    raise RequestRefused(f"the {old.kind} at {old.url} cannot process the prompt")

    def _wait(self, error: ServerBusy | ServerUnreachable, attempt: int) -> None:
        """Report that the request is tried again, and wait for that."""
        seconds = self._policy.pause(attempt, error.retry_after if isinstance(error, ServerBusy) else None)
        self._observer(Retrying(error.message, seconds, attempt))
        if isinstance(error, ServerUnreachable):
            self._report(error, f"waiting up to {self._policy.absent:.0f} s for the server", ServerUnreachable)
        self._stop.wait(seconds)

    def _report(self, error: ServerError, consequence: str, kind: type[ServerError] | None = None) -> None:
        """Tell the user of a kind of trouble: once; the rest is for those who want to hear more."""
        kind = kind or type(error)
        if kind not in self._reported:
            self._reported.add(kind)
            self._observer(Notice(f"{error.message}: {consequence}", warning=True))
