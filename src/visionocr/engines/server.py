"""One server as an ``Engine``: attempts, transport retries, aborts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from tenacity import RetryCallState, Retrying, retry_if_exception_type

from visionocr.engines.attempt import Attempt
from visionocr.engines.changes import ServerChanged, ServerCrowded
from visionocr.engines.dialects import Dialect
from visionocr.engines.http import ConnectionLost, Http
from visionocr.engines.monitor import Limits
from visionocr.engines.request_queue import QueuedRequest, RequestQueue
from visionocr.engines.retry_policy import RetryPolicy, Stop
from visionocr.errors import (
    AnswerUnusable,
    Interrupted,
    RequestRefused,
    ServerBusy,
    ServerError,
    ServerRefused,
    ServerUnknown,
    ServerUnreachable,
)
from visionocr.prompting.render import wrap
from visionocr.types import ChatMarkers, Completion, Notice, Observer, Prompt, Request, Sampler, Server, ignore
from visionocr.types import Retrying as RetryingEvent

_MOST_COUNTS = 256
"""Token counts that are remembered: prompts may differ from page to page."""


class ServerDied(ServerUnreachable):
    """It went away while it had a request of ours."""


MOST_DEATHS = 2
"""A request during which a server died so often is not sent again: it is the reason, as it was alone then."""


def request_killed_server(deaths: int) -> RequestRefused:
    """What is said of a request over which servers died."""
    return RequestRefused(f"the server went away {deaths} times while it worked on this page")


class ServerEngine:
    """One server. ``complete`` may run in several threads; each attempt opens its own connection."""

    def __init__(
        self,
        http: Http,
        server: Server,
        dialect: Dialect,
        *,
        observer: Observer = ignore,
        patience: RetryPolicy | None = None,
        max_time: float | None = None,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self.server = server
        self._http = http
        self._dialect = dialect
        self._observer = observer
        self._patience = patience or RetryPolicy()
        self._limits = Limits(silence=http.timeout, total=max_time)
        self._cancelled = threading.Event()
        self._missed = False
        self._sleep = sleep or self._cancelled.wait
        self._learning = threading.Lock()
        self._running: set[Attempt] = set()
        self._lock = threading.RLock()
        """Guards what runs. May be entered twice: signals come at any time."""
        self._counts: dict[str, int] = {}
        self._turns = RequestQueue(server.slots, server.in_flight, http.clock)

    def complete(self, request: Request) -> Completion:
        """See ``Engine.complete``. Busy answers are waited out; whatever will not change is raised at once."""
        attempts = deaths = 0
        for attempt in self._retrying():
            with attempt:
                attempts += 1
                try:
                    completion = self.once(request, alone=deaths > 0)
                    self._missed = False
                except ServerDied:
                    deaths += 1
                    if deaths < MOST_DEATHS:
                        raise
                    raise request_killed_server(deaths) from None
        return replace(completion, retries=attempts - 1)

    def once(self, request: Request, *, alone: bool = False, leave: Callable[[], bool] = lambda: False) -> Completion:
        """Send *request* once, as soon as there is room for it, and raise whatever comes instead of an answer.

        *alone*: with no other request of ours beside it, so that it is known who did what happens to the server.
        *leave* says that it is better asked elsewhere; then ``Moved`` is raised.
        """
        self._go_on()
        text_tokens = self._text_tokens(request.prompt)
        with self._turns.turn(alone=alone) as turn:
            completion = self._attempt(request, turn, leave)
        return replace(completion, text_tokens=text_tokens, server=self.server.url, model=self.server.model)

    @property
    def room(self) -> int:
        """Requests that it can be given at once."""
        return self._turns.room

    def count_tokens(self, text: str) -> int | None:
        """See ``Engine.count_tokens``. Counts are remembered: the prompt is the same for every page."""
        if self.server.applies_template:
            return self._learned(Prompt("", (text,), ChatMarkers()))
        return self._remembered(text, lambda: self._dialect.count_tokens(self._http, self.server, text))

    def cancel(self) -> None:
        """Abort what runs, by its own keys, and let no further attempt start."""
        with self._lock:
            self._cancelled.set()
            running = tuple(self._running)
        self._turns.stop()
        threads = [threading.Thread(target=attempt.stop, daemon=True) for attempt in running]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(self._patience.abort / len(threads))

    def close(self) -> None:
        """Nothing is held between requests."""

    def _text_tokens(self, prompt: Prompt) -> int | None:
        """Tokens of the prompt without its images: what is processed beyond them shows that the images were used."""
        if not self.server.applies_template:
            return self.count_tokens(wrap(prompt))
        return self._learned(prompt) if self.server.counts_tokens else None

    def _learned(self, prompt: Prompt) -> int | None:
        """Tokens of a prompt's text in the server's own template: those of a request without images tell."""
        bare = Request(replace(prompt, parts=(prompt.text or ".",)), Sampler(), max_length=1)  # none takes no text

        def ask() -> int | None:
            try:
                with self._turns.turn() as turn:
                    return self._attempt(bare, turn, lambda: False).prompt_tokens
            except (AnswerUnusable, RequestRefused):
                return None

        return self._remembered(f"{prompt.system}\0{prompt.text}", ask)

    def _remembered(self, text: str, count: Callable[[], int | None]) -> int | None:
        known = self._counts.get(text)
        if known is not None:
            return known
        number = count()
        if number is not None:  # a failure says nothing about the next time
            if len(self._counts) >= _MOST_COUNTS:
                self._counts.clear()
            self._counts[text] = number
        return number

    def _go_on(self) -> None:
        if self._cancelled.is_set():
            raise Interrupted("stopped")

    def _attempt(self, request: Request, turn: QueuedRequest, leave: Callable[[], bool]) -> Completion:
        server = self.server
        try:
            return self._sent(server, request, turn, leave)
        except ServerChanged:
            self._learn_anew(server)
            raise
        except ServerCrowded as error:
            if not self._turns.narrow(turn):
                raise RequestRefused(error.message, error.hint) from None
            raise
        except ServerBusy:
            self._turns.shrink()
            raise

    def _learn_anew(self, old: Server) -> None:
        """Probe the server that was started again, unless another thread has done it by now.

        Raises ``ServerRefused`` when it is not what it was: what was decided for the run does not fit any more.
        """
        with self._learning:
            if self.server is not old:
                return
            identity = self._dialect.recognise(self._http)
            if identity is None:
                raise ServerUnknown(f"{self._http.base} is another kind of server than before")
            new = self._dialect.probe(self._http, identity, old.model)
            if new == old:
                raise RequestRefused(f"the {old.kind} at {old.url} cannot make anything of the prompt")
            if (new.model, new.vision, new.context_length) != (old.model, old.vision, old.context_length):
                raise ServerRefused(
                    f"the {old.kind} at {old.url} was started again with another model or context",
                    "Repeat the command; what was read is kept where there is a journal.",
                )
            self.server = new

    def _sent(self, server: Server, request: Request, turn: QueuedRequest, leave: Callable[[], bool]) -> Completion:
        attempt = Attempt(
            self._http,
            self._dialect,
            server,
            request,
            limits=self._limits,
            observer=self._observer,
            sleep=self._sleep,
            ending=self._patience.ending,
            cancelled=self._cancelled,
            turns=self._turns,
            turn=turn,
            leave=leave,
        )
        with self._lock:  # either ``cancel`` finds the attempt, or we see that it was called
            self._go_on()
            self._running.add(attempt)
        try:
            completion = attempt.run()
        except ServerError as error:
            self._go_on()  # how a cancelled request ends is no fault of anybody's
            raise (self._explain(error) if isinstance(error, ConnectionLost) else error) from None
        finally:
            with self._lock:
                self._running.discard(attempt)
        self._go_on()  # what a cancelled request gives back is not its answer
        return completion

    def _explain(self, error: ConnectionLost) -> ServerError:
        """A closed connection is a request the server could not take, or its death: it still answers, or not."""
        if self._cancelled.is_set():
            return error
        try:
            self._dialect.recognise(self._http)
        except ServerUnreachable:
            return ServerDied(
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
            return asked if asked is not None else patience.pause(state.attempt_number)

        def report(state: RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            reason = error.message if isinstance(error, ServerError) else str(error)
            wait = state.next_action.sleep if state.next_action else 0.0
            self._observer(RetryingEvent(reason, wait, state.attempt_number))
            if isinstance(error, ServerUnreachable) and not self._missed:
                self._missed = True  # said once; the rest is for those who want to hear more
                self._observer(Notice(f"{reason}: waiting up to {patience.absent:.0f} s for the server", warning=True))

        return Retrying(
            retry=retry_if_exception_type((ServerBusy, ServerUnreachable)),
            stop=Stop(self._cancelled, patience, self._http.clock),
            wait=wait,
            sleep=self._pause,
            before_sleep=report,
            reraise=True,
        )

    def _pause(self, seconds: float) -> None:
        self._sleep(seconds)
