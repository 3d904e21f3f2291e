"""Several servers as one ``Engine``: a free server takes the next request, and one that fails is paused.

A request goes to a server that is idle before it goes to one that is at work, and to the quicker of two. So quick
servers take more. A server that is gone or refuses is *unavailable*: its request goes elsewhere, and it is probed again
after pauses that grow, until it answers. One that is busy or answers nothing usable is paused. When all are
unavailable, they are waited for as a single server is.

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
from visionocr.engines.http_errors import ServerDied
from visionocr.engines.limits import merge_limits, missing_capability
from visionocr.engines.pool_member import PoolMember
from visionocr.engines.retry_policy import RetryPolicy
from visionocr.engines.server import MOST_DEATHS, ServerEngine, request_killed_server
from visionocr.errors import (
    AnswerUnusable,
    ServerBusy,
    ServerError,
    ServerRefused,
    ServerUnreachable,
    VisionOcrError,
)
from visionocr.stop import Stop
from visionocr.types import Completion, Notice, Observer, Request, Retrying, ignore

IDLE_FOR = 1.0
"""Seconds without work after which a server may take over a request from a slower one."""
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
        policy: RetryPolicy | None = None,
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
        self._policy = policy or RetryPolicy()
        self._strict = strict
        self._changed = threading.Condition()
        self._waiting: deque[object] = deque()
        """Requests that wait for a server, first come, first served."""
        self._stop = Stop()
        self._all_gone_since: float | None = None
        for member in members:
            if member.engine is None:
                self._start_probing(member)

    @property
    def engines(self) -> tuple[ServerEngine, ...]:
        """The servers that were reached."""
        return tuple(member.engine for member in self._members if member.engine is not None)

    def complete(self, request: Request) -> Completion:
        """See ``Engine.complete``. A request that one server cannot answer now goes to another one, or waits."""
        attempts = deaths = moves = 0
        started = time.monotonic()
        while True:
            attempts += 1
            member, engine = self._acquire()
            sent = time.monotonic()
            should_leave = self._leave_check(member) if moves < MOST_MOVES else lambda: False
            try:
                completion = engine.complete_once(request, alone=deaths > 0, should_leave=should_leave)
                with self._changed:
                    member.record_success(completion.seconds)
                return replace(completion, retries=attempts - 1 + completion.retries)
            except Moved as error:
                moves += 1
                member.mean = max(member.mean, time.monotonic() - sent)  # it is that slow at the least
                self._observer(Retrying(error.message, 0.0, attempts))
            except (ServerUnreachable, ServerRefused) as error:
                self._observer(Retrying(error.message, 0.0, attempts))
                self._set_unavailable(member, engine, error)
                deaths += isinstance(error, ServerDied)
                if deaths == MOST_DEATHS:
                    raise request_killed_server(deaths) from None
            except ServerBusy as error:
                self._pause(member, error.retry_after)
                if time.monotonic() - started >= self._policy.busy:
                    raise
                self._observer(Retrying(error.message, 0.0, attempts))
            except AnswerUnusable:
                self._pause(member)
                raise
            finally:
                self._release(member)

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
        self._stop.request()
        with self._changed:
            self._changed.notify_all()
        for engine in self.engines:
            engine.cancel()

    def close(self) -> None:
        """See ``Engine.close``; ends the probing in the background too."""
        self.cancel()
        for engine in self.engines:
            engine.close()

    # --- choosing a server

    def _acquire(self) -> tuple[PoolMember, ServerEngine]:
        """Wait for a server with room. Raises why there is none when waiting does not help, or took too long."""
        ticket = object()
        with self._changed:
            self._waiting.append(ticket)
            try:
                while True:
                    self._stop.check()
                    now = time.monotonic()
                    able = [member for member in self._members if member.is_available(now) and member.has_room()]
                    if able and self._waiting[0] is ticket:
                        member = min(able, key=PoolMember.load)
                        assert member.engine is not None
                        member.running += 1
                        return member, member.engine
                    self._raise_when_hopeless(now)
                    pauses = [member.paused_until - now for member in self._members if member.paused_until > now]
                    self._changed.wait(min([1.0, *pauses]))
            finally:
                self._waiting.remove(ticket)
                self._changed.notify_all()

    def _raise_when_hopeless(self, now: float) -> None:
        """Raise when nobody is left: at once when all refuse us, after a time when some may come back."""
        errors = [member.error for member in self._members if member.error is not None]
        if len(errors) < len(self._members):
            self._all_gone_since = None
            return
        gone = [error for error in errors if not isinstance(error, ServerRefused)]
        if self._all_gone_since is None:
            self._all_gone_since = now
            if gone:
                text = f"no server is left: waiting up to {self._policy.absent:.0f} s for one to come back"
                self._observer(Notice(text, warning=True))
        if not gone or now - self._all_gone_since >= self._policy.absent:
            raise (gone or errors)[0]

    def _leave_check(self, member: PoolMember) -> Callable[[], bool]:
        """Whether an idle server would clearly be done sooner with a request on *member*."""
        started = time.monotonic()

        def should_leave() -> bool:
            now = time.monotonic()
            with self._changed:
                idle = [
                    other for other in self._members if other.is_available(now) and other.idle_seconds(now) >= IDLE_FOR
                ]
                return not self._waiting and any(member.slower_than(other, now - started) for other in idle)

        return should_leave

    # --- the state of a server

    def _release(self, member: PoolMember) -> None:
        """A request of *member* is over."""
        with self._changed:
            member.running -= 1
            member.free_since = time.monotonic()
            self._changed.notify_all()

    def _pause(self, member: PoolMember, wish: float | None = None) -> None:
        """Pause *member*: other servers may have time, or better answers."""
        with self._changed:
            pause = member.record_failure(self._policy, wish)
            member.paused_until = max(member.paused_until, time.monotonic() + pause)

    def _set_unavailable(self, member: PoolMember, engine: ServerEngine, error: VisionOcrError) -> None:
        """*member* cannot be used until it answers a probe; unless it did already, since this request went there."""
        with self._changed:
            new = member.error is None and member.engine is engine
            if new:
                member.error = error
        if new and not self._stop.is_requested:
            self._observer(Notice(f"{error.message}: its pages go to others, and it is tried again", warning=True))
            self._start_probing(member)

    def _start_probing(self, member: PoolMember) -> None:
        threading.Thread(target=self._probe, args=(member,), name="probe", daemon=True).start()

    def _probe(self, member: PoolMember) -> None:
        """Ask *member* again and again, ever less often, until it can be used."""
        reported = ""
        while not self._stop.wait(member.record_failure(self._policy)):
            try:
                engine = member.connect()
            except VisionOcrError as error:
                with self._changed:
                    member.error = error
                    self._changed.notify_all()
                continue
            lack = missing_capability(self.server, engine.server, strict=self._strict)
            if not lack:
                self._set_available(member, engine)
                return
            if lack != reported:
                reported = lack
                self._observer(Notice(f"{member.url} answers again, but cannot be used: {lack}", warning=True))

    def _set_available(self, member: PoolMember, engine: ServerEngine) -> None:
        with self._changed:
            if member.engine is None or member.engine.server != engine.server:
                member.engine = engine
            member.error = None
            if self._stop.is_requested:
                engine.cancel()
            self._changed.notify_all()
        model = engine.server.model
        other = f", but with the model {model}" if model != self.server.model else ""
        self._observer(Notice(f"{member.url} is available{other}", warning=bool(other)))
