"""Joins the trained candidates of a run into averages and cascades, on their validation answers.

Which members and which stages are tried is fixed before anybody looks at an answer, so the certificate of the
cascade pays for one sequence of tests, not for a choice among many.
"""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

from metier.fusion import (
    AverageFit,
    CascadeCertificate,
    certify_cascade,
    export_average,
    export_cascade,
    fit_average,
)
from metier.fusion.retrieve_read import RetrieveReadFit, export_retrieve_read, fit_retrieve_read
from metier.fusion.vote import VoteFit, export_vote, join_vote
from metier.runs.run_folder import Entry
from metier.selection.execution.average_ensembles import LabelAverageJoiner, ScoreAverageJoiner
from metier.selection.execution.distilling import DistilJoiner
from metier.selection.execution.ensemble_builder import (
    NEVER_A_MEMBER,
    fresh,
    members_for_average,
    stages_for_cascade,
    written,
)
from metier.selection.execution.search_ensembles import SearchJoiner

__all__ = ["FUSIONS", "NEVER_A_MEMBER", "Joiner", "members_for_average", "stages_for_cascade"]


class Joiner(Protocol):
    """Makes one fusion of a race's candidates.

    `join` fits it on the candidates' validation answers and writes its predictor, unless an interrupted run
    has done so already; `write` writes the predictor again when members were refitted.
    """

    def join(self, race: Any) -> Entry:
        """Give the entry of the fusion: trained, or dropped with the reason."""
        ...

    def write(self, race: Any) -> None:
        """Write the predictor from the members' folders as they are now."""
        ...


@runtime_checkable
class Certified(Protocol):
    """A builder of an ensemble whose loss against its last stage is certified."""

    stages: tuple[str, str] | None
    certificate: CascadeCertificate | None

    @property
    def guarantee(self) -> str | None:
        """What the certificate says, in a clause; None where there is none."""
        ...


class AverageJoiner:
    """Joins an average."""

    def __init__(self, name: str):
        self.name = name
        self.members: list[str] = []
        self.fit: AverageFit | None = None

    def join(self, race: Any) -> Entry:
        """Fit temperatures and weights on the members' validation answers."""
        self.members = members_for_average(race.joinable)
        if len(self.members) < 2:
            return Entry(self.name, status="dropped", why="an average joins at least two candidates")
        answers = [race.run.probabilities(name, "validation") for name in self.members]
        self.fit = fit_average(answers, race.figures.codes)
        facts = {
            "weights": dict(zip(self.members, map(float, self.fit.weights), strict=True)),
            "temperatures": dict(zip(self.members, map(float, self.fit.temperatures), strict=True)),
        }
        return written(self, race, Entry(self.name, members=self.members, facts=facts))

    def write(self, race: Any) -> None:
        """Compose the members' folders."""
        assert self.fit is not None  # Only what was joined is written.
        folders = [race.run.candidate(member) for member in self.members]
        export_average(
            self.fit,
            folders,
            fresh(race.run.candidate(self.name)),
            name=self.name,
            labels=race.task.labels,
        )


class CascadeJoiner:
    """Joins a cascade, with its certificate."""

    def __init__(self, name: str):
        self.name = name
        self.stages: tuple[str, str] | None = None
        self.certificate: CascadeCertificate | None = None

    def join(self, race: Any) -> Entry:
        """Look for a threshold that the validation rows can certify."""
        self.stages = stages_for_cascade(race.joinable)
        if self.stages is None:
            why = "a cascade does not pay here: no candidate costs a third of another or less"
            return Entry(self.name, status="dropped", why=why)
        cheap, big = (race.run.probabilities(stage, "validation") for stage in self.stages)
        settings = race.settings.cascade
        self.certificate = certify_cascade(
            cheap, big, race.figures.codes, margin=settings.margin, confidence=settings.confidence
        )
        if self.certificate.threshold is None:
            return Entry(self.name, status="dropped", why=self.certificate.reason)
        facts = {
            "kept_fraction": float(self.certificate.kept_fraction),
            "threshold": float(self.certificate.threshold),
        }
        return written(self, race, Entry(self.name, members=list(self.stages), facts=facts))

    def write(self, race: Any) -> None:
        """Compose the stages' folders."""
        assert self.certificate is not None  # Only what was joined is written.
        assert self.stages is not None
        folders = [race.run.candidate(stage) for stage in self.stages]
        export_cascade(self.certificate, folders, fresh(race.run.candidate(self.name)), name=self.name)

    @property
    def guarantee(self) -> str | None:
        """What the certificate says, in a clause; None where there is none."""
        found = self.certificate
        if found is None or found.threshold is None or self.stages is None:
            return None
        return (
            f"{self.stages[0]} answers {found.kept_fraction * 100:.0f} % of rows, the others fall through to "
            f"stage 2, {self.stages[1]}; "
            f"certified within {found.margin * 100:g} points of it ({found.confidence * 100:g} %)"
        )


class VoteJoiner:
    """Joins a vote over the spans of taggers."""

    def __init__(self, name: str):
        self.name = name
        self.members: list[str] = []
        self.fit: VoteFit | None = None

    def join(self, race: Any) -> Entry:
        """Fit weights and threshold on the members' validation spans."""
        self.members = [entry.name for entry in race.joinable if not entry.members]
        if len(self.members) < 2:
            return Entry(self.name, status="dropped", why="a vote needs at least two candidates")
        folders = [race.run.candidate(member) for member in self.members]
        found = [race.run.answers(member, "validation").records for member in self.members]
        spans = [[record["spans"] for record in records] for records in found]
        self.fit = join_vote(folders, spans, race.figures.targets)
        facts = {
            "weights": dict(zip(self.members, map(float, self.fit.weights), strict=True)),
            "threshold": float(self.fit.threshold),
        }
        return written(self, race, Entry(self.name, members=self.members, facts=facts))

    def write(self, race: Any) -> None:
        """Compose the members' folders."""
        assert self.fit is not None  # Only what was joined is written.
        folders = [race.run.candidate(member) for member in self.members]
        export_vote(self.fit, folders, fresh(race.run.candidate(self.name)), name=self.name)


class RetrieveReadJoiner:
    """Joins a search for the best windows of a passage with the reader that reads them.

    BM25 ranks the windows of a passage by the question, and `reader.v1` reads the first of them. How many is chosen on
    validation: the smallest number that the paired test does not show to be worse than reading all, and that loses a
    point of F1 at most. Where no number below all of them will do, it is dropped with that reason.

    Pays where passages are long. The choice says nothing of passages much longer than those of the validation rows.
    """

    reader = "reader.v1"

    def __init__(self, name: str):
        self.name = name
        self.fit: RetrieveReadFit | None = None

    def join(self, race: Any) -> Entry:
        """Choose how many windows are read on the validation rows."""
        if not any(entry.name == self.reader for entry in race.joinable):
            return Entry(self.name, status="dropped", why=f"it needs {self.reader}, which was not trained")
        folder = race.run.candidate(self.reader)
        self.fit = fit_retrieve_read(folder, race.validation_items, race.figures.targets)
        if self.fit.n_windows >= self.fit.most_windows:
            why = (
                f"reading fewer windows does not pay here: the longest of {self.fit.rows} passages has "
                f"{self.fit.most_windows}, and leaving any out costs F1"
            )
            return Entry(self.name, status="dropped", why=why)
        facts = {"n_windows": self.fit.n_windows, "read_fraction": self.fit.read_fraction}
        return written(self, race, Entry(self.name, members=[self.reader], facts=facts))

    def write(self, race: Any) -> None:
        """Compose the reader's folder with the number of windows."""
        assert self.fit is not None  # Only what was joined is written.
        folder = race.run.candidate(self.reader)
        export_retrieve_read(self.fit, folder, fresh(race.run.candidate(self.name)), name=self.name)


# A fusion is added with a joiner and a row.
FUSIONS: dict[str, Callable[[str], Any]] = {
    "average.v1": AverageJoiner,
    "cascade.v1": CascadeJoiner,
    "vote.v1": VoteJoiner,
    "retrieve_read.v1": RetrieveReadJoiner,
    "retrieve_rerank.v1": SearchJoiner,
    "label_average.v1": LabelAverageJoiner,
    "score_average.v1": ScoreAverageJoiner,
    "distilled.v1": DistilJoiner,
}
