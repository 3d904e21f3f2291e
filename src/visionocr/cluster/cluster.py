"""A run over the workers of a cluster: the job is decided here, with the first worker's engine, and read there."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace

from visionocr import job
from visionocr.cluster import remote
from visionocr.cluster.dask_workers import DaskTeam
from visionocr.cluster.dispatch import Dispatch
from visionocr.documents.source import Source
from visionocr.job import Job
from visionocr.prompting.library import Library
from visionocr.settings import Settings
from visionocr.types import Completion, Observer, PageRef, PageResult, PageSource, Request, Server, ignore


@dataclass(frozen=True, slots=True)
class ClusterJob(Job):
    """A job that is done by the workers of a cluster."""

    team: DaskTeam = field(kw_only=True, repr=False)
    patience: float = field(kw_only=True)

    def read(
        self,
        source: PageSource,
        *,
        known: Callable[[PageRef], PageResult | None] = lambda page: None,  # noqa: ARG005
        record: Callable[[PageResult], None] = lambda result: None,  # noqa: ARG005
    ) -> Generator[PageResult, None, None]:
        """See ``Job.read``; the source must know where its documents are."""
        assert isinstance(source, Source)
        self.team.start(replace(self.team.order, question=self.question, plan=self.plan, match=self.match))
        dispatch = Dispatch(
            source,
            self.team,
            batch=self.plan.batch,
            known=known,
            record=record,
            observer=self.observer,
            patience=self.patience,
        )
        return dispatch.results()

    def close(self) -> None:
        """Leave the cluster; a local one ends."""
        self.team.close()


def prepare(settings: Settings, library: Library, *, task: str, observer: Observer = ignore) -> Job:
    """Decide the job with the first worker's engine.

    Raises ``ConfigurationError`` for a wrong address, an absent library or workers of other versions, a
    ``ServerError`` for an absent cluster, and what ``job.prepare`` raises.
    """
    team: list[DaskTeam] = []

    def opened(markdown: bool) -> _First:
        team.append(DaskTeam(settings, markdown, observer))
        return _First(team[0], team[0].first())

    try:
        decided = job.prepare(settings, library, task=task, observer=observer, opened=opened)
    except BaseException:
        for one in team:
            one.close()
        raise
    return ClusterJob(
        decided.engine,
        decided.question,
        decided.plan,
        decided.match,
        decided.max_asks,
        observer,
        decided.clamped_side,
        team=team[0],
        patience=settings.wait_server,
    )


class _First:
    """The first worker's engine, for what must be known before the first page."""

    def __init__(self, team: DaskTeam, first: tuple[str, Server]) -> None:
        self._team = team
        self._worker, self.server = first

    def complete(self, request: Request) -> Completion:
        """See ``Engine.complete``."""
        completion: Completion = self._team.ask(self._worker, remote.complete, request)
        return completion

    def count_tokens(self, text: str) -> int | None:
        """See ``Engine.count_tokens``."""
        count: int | None = self._team.ask(self._worker, remote.count_tokens, text)
        return count

    def cancel(self) -> None:
        """Nothing runs here."""

    def close(self) -> None:
        """The team is closed by the job."""
