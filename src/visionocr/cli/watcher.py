"""The loop of ``visionocr watch``: look, read, wait, and outlive servers and drives that go away."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from visionocr.caption_job import prepare_captions
from visionocr.cli.options import config_folder
from visionocr.cli.read_options import ReadOptions
from visionocr.cli.sidecars import look_up
from visionocr.cli.watch_round import Log, Places, Round, worse
from visionocr.console import Console
from visionocr.documents.kinds import Kind
from visionocr.errors import DocumentError, ExitCode, OutputError, ServerBusy, ServerError, ServerUnreachable
from visionocr.job import Job, prepare
from visionocr.output.folder import make_folder
from visionocr.prompting.library import Library
from visionocr.settings import Settings
from visionocr.stop import Stop
from visionocr.types import Answered, Event, Notice, Observer
from visionocr.watching.inbox import Arrival, Inbox

_LONGEST_PAUSE = 60.0
"""Seconds between tries to go on after the server or the output folder was lost."""
_TRUSTED = 300.0
"""Seconds without a request after which a server may be another one than it was: somebody loaded another model."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done with documents."""

    options: ReadOptions
    settings: Settings
    describes: bool = False
    """Pictures get captions."""
    places: Places = Places()
    log: Path | None = None

    @property
    def lanes(self) -> dict[str, tuple[ReadOptions, Settings]]:
        """The options and settings of each task that is done. A given prompt is for captions, where there are any."""
        if not self.describes:
            return {"transcribe": (self.options, self.settings)}
        plain = replace(self.settings, task=None, prompt=None, system=None)
        return {
            "transcribe": (self.options, plain),
            "describe": (replace(self.options, command="describe"), self.settings),
        }

    def choose_lane(self, arrival: Arrival) -> str:
        """The task for a document."""
        return "describe" if self.describes and arrival.kind is Kind.IMAGE else "transcribe"


class Watcher:
    """Reads what comes into the watched folders, until it is stopped."""

    def __init__(self, inbox: Inbox, plan: Plan, console: Console, stop: Stop) -> None:
        self._inbox, self._plan, self._console, self._stop = inbox, plan, console, stop
        self._log = Log(plan.log)
        self._trouble = ""
        """What was said last of a server or a folder that is away."""
        self._code = ExitCode.OK
        self._has_begun = False
        """Server and folders were there once, so that they are waited for."""

    def run(self, interval: float, *, once: bool) -> ExitCode:
        """Look every *interval* seconds. Ends by ``Interrupted``, or with *once* when there is nothing left to do.

        The code says then how bad the worst document is that was set aside.
        """
        assert self._plan.options.folder is not None
        make_folder(self._plan.options.folder)
        self._log.write("started", folders=self._plan.options.files)
        pause = interval
        while True:
            try:
                with contextlib.closing(_Session(self._plan, self._observe, self._stop)) as session:
                    if not once:
                        session.prepare()  # what is wrong with settings and server shows at once
                    while True:
                        self._read(session)
                        pause = interval
                        if once and self._inbox.is_idle:
                            return self._code
                        self._sleep(interval)
            except (ServerError, OutputError) as error:
                is_away = isinstance(error, ServerUnreachable | ServerBusy)
                if once or not (self._has_begun or is_away):
                    raise
                self._say(f"{error.message}: waiting for it. {error.hint}".rstrip())
            self._sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _read(self, session: _Session) -> None:
        """Read what is ready."""
        arrivals = self._inbox.scan()
        if self._inbox.problem:
            if not self._has_begun:
                raise DocumentError(self._inbox.problem)
            self._say(self._inbox.problem)
        for task, (options, settings) in self._plan.lanes.items():
            own = [arrival for arrival in arrivals if self._plan.choose_lane(arrival) == task]
            if own:
                work = Round(options, settings, self._inbox, self._plan.places, self._console, self._log)
                with session.job(task) as job:
                    code = work.read(own, job)
                self._code = worse(self._code, code)
        self._has_begun = True
        if not self._inbox.problem:
            self._trouble = ""

    def _sleep(self, seconds: float) -> None:
        self._stop.wait(seconds)
        self._stop.check()

    def _say(self, trouble: str) -> None:
        """Say once what is being waited for."""
        if trouble != self._trouble:
            self._trouble = trouble
            self._console(Notice(trouble, warning=True))
            with contextlib.suppress(OutputError):  # the log may lie on the drive that is away
                self._log.write("waiting", reason=trouble)

    def _observe(self, event: Event) -> None:
        """There is one line for each document, and one for each page only for those who want to hear more."""
        if not isinstance(event, Answered) or self._plan.options.verbose > 0:
            self._console(event)


class _Session:
    """An engine, open as long as it works, with the job of each task."""

    def __init__(self, plan: Plan, observer: Observer, stop: Stop) -> None:
        self._plan, self._observer = plan, observer
        self._jobs: dict[str, Job] = {}
        """All with the same engine."""
        self._used = time.monotonic()
        """When it was used last."""
        self._stack = contextlib.ExitStack()
        # A run that fails requests its own stop, which must not be that of the program.
        self._stop = Stop()
        self._stack.enter_context(stop.waking(self._stop.request))

    def prepare(self) -> None:
        """Open the engine and prepare the job of each task. Raises what ``job.prepare`` does."""
        for task in self._plan.lanes:
            self._prepare(task)

    @contextlib.contextmanager
    def job(self, task: str) -> Iterator[Job]:
        """The job of *task*, to read with it within the block. Raises what ``job.prepare`` does."""
        is_server = any(job.engine.server.url.startswith("http") for job in self._jobs.values())
        if is_server and time.monotonic() - self._used > _TRUSTED:
            self._close_engine()
        try:
            yield self._prepare(task)
        finally:
            self._used = time.monotonic()

    def close(self) -> None:
        """Give the engine back."""
        self._close_engine()
        self._stack.close()

    def _prepare(self, task: str) -> Job:
        if task not in self._jobs:
            first = next(iter(self._jobs.values()), None)
            opened = None if first is None else lambda: first.engine
            options, settings = self._plan.lanes[task]
            decide: Callable[..., Job] = prepare
            if task == "describe":
                decide = partial(prepare_captions, order=options.order, look_up=partial(look_up, None))
            library = Library(config_folder())
            self._jobs[task] = decide(
                settings, library, task=task, observer=self._observer, stop=self._stop, opened=opened
            )
        return self._jobs[task]

    def _close_engine(self) -> None:
        for job in [*self._jobs.values()][:1]:
            job.close()
        self._jobs.clear()
