"""The loop of ``visionocr watch``: look, read, wait, and outlive servers and drives that go away."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from visionocr.caption_job import prepare_captions
from visionocr.cli.options import config_folder
from visionocr.cli.read_options import ReadOptions
from visionocr.cli.sidecars import look_up
from visionocr.cli.watch_round import Journal, Places, Round
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
        self._journal = Journal(plan.log)
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
        self._journal.write("started", folders=self._plan.options.files)
        pause = interval
        while True:
            try:
                with contextlib.closing(_Session(self._plan, self._observe, self._stop)) as session:
                    if not once:
                        session.prepare_all()  # what is wrong with settings and server shows at once
                    while True:
                        pause = interval if self._read(session) else pause
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

    def _read(self, session: _Session) -> bool:
        """Read what is ready; whether there was anything."""
        arrivals = self._inbox.scan()
        if self._inbox.problem:
            if not self._has_begun:
                raise DocumentError(self._inbox.problem)
            self._say(self._inbox.problem)
        for task, (options, settings) in self._plan.lanes.items():
            own = [arrival for arrival in arrivals if self._plan.choose_lane(arrival) == task]
            if own:
                work = Round(options, settings, self._inbox, self._plan.places, self._console, self._journal)
                code = work.read(own, session.prepare(task))
                self._code = max(self._code, code, key=[ExitCode.OK, ExitCode.PAGES, ExitCode.DOCUMENT].index)
        self._has_begun = True
        if not self._inbox.problem:
            self._trouble = ""
        return bool(arrivals)

    def _sleep(self, seconds: float) -> None:
        self._stop.wait(seconds)
        self._stop.check()

    def _say(self, trouble: str) -> None:
        """Say once what is being waited for."""
        if trouble != self._trouble:
            self._trouble = trouble
            self._console(Notice(trouble, warning=True))
            self._journal.write("waiting", reason=trouble)

    def _observe(self, event: Event) -> None:
        """There is one line for each document, and one for each page only for those who want to hear more."""
        if not isinstance(event, Answered) or self._plan.options.verbose > 0:
            self._console(event)


class _Session:
    """An engine, open as long as it works, with the job of each task."""

    def __init__(self, plan: Plan, observer: Observer, stop: Stop) -> None:
        self._plan, self._observer = plan, observer
        self._jobs: dict[str, Job] = {}
        self._stack = contextlib.ExitStack()
        # A run that fails requests its own stop, which must not be that of the program.
        self._stop = Stop()
        self._stack.enter_context(stop.waking(self._stop.request))

    def prepare_all(self) -> None:
        """Prepare each job."""
        for task in self._plan.lanes:
            self.prepare(task)

    def prepare(self, task: str) -> Job:
        """The job for *task*. The first one opens the engine; raises what ``job.prepare`` does."""
        if task not in self._jobs:
            first = next(iter(self._jobs.values()), None)
            opened = None if first is None else lambda: first.engine
            options, settings = self._plan.lanes[task]
            decide: Callable[..., Job] = prepare
            if task == "describe":
                decide = partial(prepare_captions, order=options.order, look_up=partial(look_up, None))
            library = Library(config_folder())
            job = decide(settings, library, task=task, observer=self._observer, stop=self._stop, opened=opened)
            if first is None:
                self._stack.callback(job.close)
            self._jobs[task] = job
        return self._jobs[task]

    def close(self) -> None:
        """Give the engine back."""
        self._stack.close()
