"""One server as an ``Engine``: attempts, transport retries, aborts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from visionocr.engines.attempt import Attempt
from visionocr.engines.dialects.base import Dialect
from visionocr.engines.http import Http
from visionocr.engines.http_errors import ConnectionLost, ServerChanged, ServerCrowded, ServerDied
from visionocr.engines.monitor import Limits
from visionocr.engines.request_queue import QueuedRequest, RequestQueue
from visionocr.engines.retry_policy import RetryPolicy
from visionocr.errors import (
    AnswerUnusable,
    RequestRefused,
    ServerBusy,
    ServerError,
    ServerRefused,
    ServerUnknown,
    ServerUnreachable,
)
from visionocr.prompting.render import wrap
from visionocr.stop import Stop
from visionocr.types import (
    ChatMarkers,
    Completion,
    Notice,
    Observer,
    Prompt,
    Request,
    Retrying,
    Sampler,
    Server,
    ignore,
)

_MOST_COUNTS = 256
"""Number of token counts that are cached: prompts may differ from page to page."""
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
        self._limits = Limits(silence=http.timeout, total=max_time)
        self._queue = RequestQueue(server.slots, server.in_flight, http.clock, self._stop)
        self._probing = threading.Lock()
        self._counts: dict[str, int] = {}
        self._absence_reported = False

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
                self._absence_reported = False
                return replace(completion, retries=attempt - 1)
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
        text_tokens = self._count_text(request.prompt) if count_text else None
        server = self.server
        with self._queue.place(alone=alone) as place:
            attempt = Attempt(
                http=self._http,
                dialect=self._dialect,
                server=server,
                request=request,
                limits=self._limits,
                policy=self._policy,
                observer=self._observer,
                stop=self._stop,
                queue=self._queue,
                place=place,
                should_leave=should_leave,
            )
            try:
                completion = attempt.run()
            except ServerError as error:
                self._stop.check()  # the error of a cancelled request means nothing
                raise self._diagnose(error, server, place) from None
        self._stop.check()  # the answer of a cancelled request is incomplete
        return replace(completion, text_tokens=text_tokens, server=self.server.url, model=self.server.model)

    @property
    def capacity(self) -> int:
        """Requests that it can be given at once."""
        return self._queue.capacity

    def count_tokens(self, text: str) -> int | None:
        """See ``Engine.count_tokens``. Counts are remembered: the prompt is the same for every page."""
        if self.server.applies_template:
            return self._count_in_template(Prompt("", (text,), ChatMarkers()))
        return self._remember(text, lambda: self._dialect.count_tokens(self._http, self.server, text))

    def cancel(self) -> None:
        """See ``Engine.cancel``: what runs is aborted by its own key, no further attempt starts."""
        self._stop.request()

    def close(self) -> None:
        """See ``Engine.close``. Waits a moment for what still runs to be aborted, so that nobody works for nothing."""
        self._stop.request()
        self._queue.wait_until_empty(self._policy.abort)

    def _count_text(self, prompt: Prompt) -> int | None:
        """Tokens of the prompt without its images: what is processed beyond them shows that the images were used."""
        if not self.server.applies_template:
            return self.count_tokens(wrap(prompt))
        return self._count_in_template(prompt) if self.server.counts_tokens else None

    def _count_in_template(self, prompt: Prompt) -> int | None:
        """Tokens of a prompt's text in the server's own template: those of a request without images tell."""
        bare = Request(replace(prompt, parts=(prompt.text or ".",)), Sampler(), max_length=1)  # none takes no text

        def ask() -> int | None:
            try:
                return self.complete_once(bare, count_text=False).prompt_tokens
            except (AnswerUnusable, RequestRefused):
                return None

        return self._remember(f"{prompt.system}\0{prompt.text}", ask)

    def _remember(self, text: str, count: Callable[[], int | None]) -> int | None:
        number = self._counts.get(text)
        if number is None and (number := count()) is not None:  # a failure says nothing about the next time
            if len(self._counts) >= _MOST_COUNTS:
                self._counts.clear()
            self._counts[text] = number
        return number

    def _diagnose(self, error: ServerError, server: Server, place: QueuedRequest) -> ServerError:
        """What *error* really is. What it says of the server, and how much that can take, is remembered."""
        error = self._dialect.explain(error)
        match error:
            case ServerChanged():
                self._probe_again(server)
            case ServerCrowded():
                if not self._queue.halve(place):
                    return RequestRefused(error.message, error.hint)
            case ServerBusy():
                self._queue.limit_to_slots()
            case ConnectionLost():
                # A closed connection is a request that the server could not take, or its death: it answers, or not.
                try:
                    self._dialect.recognise(self._http)
                except ServerUnreachable:
                    return ServerDied(
                        f"{self._http.base} became unreachable while it worked on this request",
                        "It may have crashed: look at its console, start it again and repeat the command.",
                    )
                except ServerError:
                    pass
        return error

    def _probe_again(self, old: Server) -> None:
        """Probe the server that was started again, unless another thread has done it by now.

        Raises ``ServerRefused`` when it is not what it was: what was decided for the run does not fit any more.
        """
        with self._probing:
            if self.server is not old:
                return
            identity = self._dialect.recognise(self._http)
            if identity is None:
                raise ServerUnknown(f"{self._http.base} is another kind of server than before")
            new = self._dialect.probe(self._http, identity, old.model)
            if new == old:
                raise RequestRefused(f"the {old.kind} at {old.url} cannot process the prompt")
            if (new.model, new.vision, new.context_length) != (old.model, old.vision, old.context_length):
                raise ServerRefused(
                    f"the {old.kind} at {old.url} was started again with another model or context",
                    "Repeat the command; pages that are in a journal are not asked for again.",
                )
            self.server = new

    def _wait(self, error: ServerBusy | ServerUnreachable, attempt: int) -> None:
        """Report that the request is tried again, and wait for that."""
        seconds = self._policy.pause(attempt, error.retry_after if isinstance(error, ServerBusy) else None)
        self._observer(Retrying(error.message, seconds, attempt))
        if isinstance(error, ServerUnreachable) and not self._absence_reported:
            self._absence_reported = True  # once; the rest is for those who want to hear more
            self._observer(
                Notice(f"{error.message}: waiting up to {self._policy.absent:.0f} s for the server", warning=True)
            )
        self._stop.wait(seconds)
