"""Several servers as one ``Engine``: whoever is free takes the next request, the sick are left in peace for a while.

A request goes to a server that is idle before it goes to one that is at work, and to the quicker of two. So quick
servers take more. A server that is gone, refuses, is busy or answers nothing usable is *parked*: its request goes
elsewhere, and it is tried again after a pause that grows from time to time; one that was gone or refused must answer
a probe first. When all are parked, they are waited for as a single server is.

At the end of a run a slow server must not hold up the last page: a request that waits there, or would take far longer
there than on a server that has had nothing to do for a while, is taken away from it and sent to that one.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

from visionocr.engines.attempt import Moved
from visionocr.engines.limits import merge_limits, missing_capability
from visionocr.engines.pool_member import PoolMember
from visionocr.engines.retry_policy import RetryPolicy
from visionocr.engines.server import MOST_DEATHS, ServerDied, ServerEngine, request_killed_server
from visionocr.errors import (
    AnswerUnusable,
    Interrupted,
    ServerBusy,
    ServerError,
    ServerRefused,
    ServerUnreachable,
    VisionOcrError,
)
from visionocr.types import Completion, Notice, Observer, Request, ignore
from visionocr.types import Retrying as RetryingEvent

IDLE_FOR = 1.0
"""Seconds without work after which a server may take over what a slower one has begun: nothing else will come."""
MOST_MOVES = 2
"""How often one request is moved."""
_OF_THE_MISSING = 2
"""Requests that are kept ready for a server that may still come."""


class PoolEngine:
    """Several servers. ``server`` is what holds for all: the strictest of their limits, the sum of their slots."""

    def __init__(
        self,
        members: Sequence[PoolMember],
        *,
        observer: Observer = ignore,
        patience: RetryPolicy | None = None,
        strict: bool = False,
    ) -> None:
        """At least one member has an engine. The others are probed in the background until they can be used.

        *strict*: a server that comes back with another model is not used.
        """
        self._members = tuple(members)
        server = merge_limits([engine.server for engine in self.engines])
        missing = len(self._members) - len(self.engines)
        self.server = replace(server, ahead=server.ahead + _OF_THE_MISSING * missing)
        self._observer = observer
        self._patience = patience or RetryPolicy()
        self._strict = strict
        self._changed = threading.Condition()
        self._line: deque[object] = deque()
        """Requests that wait for a server, first come, first served."""
        self._over = threading.Event()
        """Nothing is to be done any more."""
        self._cancelled = False
        self._dead_since: float | None = None
        for member in members:
            if member.engine is None:
                self._nurse(member)

    @property
    def engines(self) -> tuple[ServerEngine, ...]:
        """The servers that were reached."""
        return tuple(member.engine for member in self._members if member.engine is not None)

    def complete(self, request: Request) -> Completion:
        """See ``Engine.complete``. What one server cannot do now, another does, or the same later."""
        attempts = deaths = moves = 0
        started = time.monotonic()
        while True:
            attempts += 1
            member, engine = self._take()
            sent = time.monotonic()
            try:
                completion = engine.once(
                    request, alone=deaths > 0, leave=self._leaver(member) if moves < MOST_MOVES else lambda: False
                )
            except Moved as moved:
                moves += 1
                member.mean = max(member.mean, time.monotonic() - sent)  # it is that slow at the least
                self._give(member)
                self._observer(RetryingEvent(moved.message, 0.0, attempts))
            except ServerDied as error:
                self._park(member, engine, error, attempts)
                deaths += 1
                if deaths >= MOST_DEATHS:
                    raise request_killed_server(deaths) from None
            except (ServerUnreachable, ServerRefused) as error:
                self._park(member, engine, error, attempts)
            except ServerBusy as error:
                self._pause(member, error.retry_after)
                if time.monotonic() - started >= self._patience.busy:
                    raise
                self._observer(RetryingEvent(error.message, 0.0, attempts))
            except AnswerUnusable:
                self._pause(member)
                raise
            except BaseException:
                self._give(member)
                raise
            else:
                self._thank(member, completion.seconds)
                return replace(completion, retries=attempts - 1)

    def count_tokens(self, text: str) -> int | None:
        """See ``Engine.count_tokens``: by the first server that can tell."""
        for engine in self.engines:
            try:
                count = engine.count_tokens(text)
            except ServerError:
                continue
            if count is not None:
                return count
        return None

    def cancel(self) -> None:
        """See ``Engine.cancel``: on all servers at the same time."""
        self._over.set()
        with self._changed:
            self._cancelled = True
            self._changed.notify_all()
        threads = [threading.Thread(target=engine.cancel, daemon=True) for engine in self.engines]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + self._patience.abort
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def close(self) -> None:
        """End the probing in the background."""
        self._over.set()
        for engine in self.engines:
            engine.close()

    # --- who gets a request

    def _take(self) -> tuple[PoolMember, ServerEngine]:
        """Wait for a server with room. Raises why there is none when waiting does not help, or took too long."""
        ticket = object()
        with self._changed:
            self._line.append(ticket)
            try:
                while True:
                    if self._cancelled:
                        raise Interrupted("stopped")
                    member = self._best() if self._line[0] is ticket else None
                    if member is not None and member.engine is not None:
                        member.running += 1
                        return member, member.engine
                    self._look_for_hope()
                    self._changed.wait(self._next_change())
            finally:
                self._line.remove(ticket)
                self._changed.notify_all()

    def _best(self) -> PoolMember | None:
        now = time.monotonic()
        able = [member for member in self._members if member.usable(now) and member.has_room()]
        return min(able, key=PoolMember.burden) if able else None

    def _next_change(self) -> float:
        """Seconds until something may change by itself."""
        now = time.monotonic()
        pauses = [member.parked_until - now for member in self._members if member.parked_until > now]
        return min([1.0, *pauses])

    def _look_for_hope(self) -> None:
        """Raise when nobody is left: at once when all refuse us, after a time when some may come back."""
        errors = [member.error for member in self._members if member.error is not None]
        if len(errors) < len(self._members):
            self._dead_since = None
            return
        now = time.monotonic()
        if self._dead_since is None:
            self._dead_since = now
            if not all(isinstance(error, ServerRefused) for error in errors):
                text = f"no server is left: waiting up to {self._patience.absent:.0f} s for one to come back"
                self._observer(Notice(text, warning=True))
        gone = [error for error in errors if not isinstance(error, ServerRefused)]
        if not gone or now - self._dead_since >= self._patience.absent:
            raise (gone or errors)[0]

    def _leaver(self, member: PoolMember) -> Callable[[], bool]:
        """For a request on *member*: whether a server that nobody needs would clearly be done with it sooner."""
        started = time.monotonic()

        def leave() -> bool:
            now = time.monotonic()
            with self._changed:
                idle = [other for other in self._members if other.usable(now) and other.idle(now) >= IDLE_FOR]
                return not self._line and any(member.slower_than(other, now - started) for other in idle)

        return leave

    # --- what becomes of a server

    def _give(self, member: PoolMember) -> None:
        """A request of *member* is over."""
        with self._changed:
            member.running -= 1
            member.free_since = time.monotonic()
            self._changed.notify_all()

    def _thank(self, member: PoolMember, seconds: float) -> None:
        with self._changed:
            member.learn(seconds)
        self._give(member)

    def _pause(self, member: PoolMember, wait: float | None = None) -> None:
        """Let *member* alone for a while: others may have time, or better answers."""
        with self._changed:
            wait = member.backoff(self._patience) if wait is None else wait
            member.parked_until = max(member.parked_until, time.monotonic() + wait)
        self._give(member)

    def _park(self, member: PoolMember, engine: ServerEngine, error: VisionOcrError, attempts: int) -> None:
        """*member* cannot be used until it answers a probe; unless it did already, since this request went there."""
        self._observer(RetryingEvent(error.message, 0.0, attempts))
        with self._changed:
            new = member.error is None and member.engine is engine
            if new:
                member.error = error
        self._give(member)
        if new and not self._over.is_set():
            self._observer(Notice(f"{error.message}: its pages go to others, and it is tried again", warning=True))
            self._nurse(member)

    def _nurse(self, member: PoolMember) -> None:
        threading.Thread(target=self._probe, args=(member,), name="probe", daemon=True).start()

    def _probe(self, member: PoolMember) -> None:
        """Ask *member* again and again, ever less often, until it can be used."""
        told = ""
        while not self._over.wait(member.backoff(self._patience)):
            try:
                engine = member.connect()
            except VisionOcrError as error:
                with self._changed:
                    member.error = error
                    self._changed.notify_all()
                continue
            lack = missing_capability(self.server, engine.server, strict=self._strict)
            if lack:
                if lack != told:
                    told = lack
                    self._observer(Notice(f"{member.url} is there, but cannot be used: {lack}", warning=True))
                continue
            self._welcome(member, engine)
            return

    def _welcome(self, member: PoolMember, engine: ServerEngine) -> None:
        with self._changed:
            if member.engine is None or member.engine.server != engine.server:
                member.engine = engine
            member.error = None
            if self._cancelled:
                engine.cancel()
            self._changed.notify_all()
        model = engine.server.model
        other = f", but with the model {model}" if model != self.server.model else ""
        self._observer(Notice(f"{member.url} is there{other}", warning=bool(other)))
