"""What an ensemble is built from: the trained candidates of a run, and their answers to the validation rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from metier.progress import Listener
from metier.runs.run_folder import Entry, RunFolder
from metier.runs.stored_answers import StoredAnswers, joined
from metier.tasks.method_contract import Capabilities

# A stage in front pays only if what it guards is much more expensive.
CHEAPER_BY = 3.0


class Guarantee(Protocol):
    """What the certificate of a cascade is to guarantee."""

    @property
    def margin(self) -> float:
        """Largest loss of accuracy that the certificate allows, 0 to 0.5."""
        ...

    @property
    def confidence(self) -> float:
        """Confidence of the certificate, 0.5 to 1."""
        ...


class Settings(Protocol):
    """The settings of a run that ensembles look at."""

    @property
    def random_state(self) -> int:
        """Seed of what is random."""
        ...

    @property
    def cascade(self) -> Guarantee:
        """What a cascade guarantees."""
        ...


class Validation(Protocol):
    """What is right on the validation rows."""

    @property
    def targets(self) -> Sequence[Any]:
        """As the rows have it."""
        ...

    @property
    def codes(self) -> np.ndarray:
        """Of tasks with one label a row: its number, of shape (n_rows,)."""
        ...

    @property
    def groups(self) -> np.ndarray | None:
        """Which rows belong together, of shape (n_rows,); None where every row is its own."""
        ...

    def joined(self, other: Any) -> "Validation":
        """Give what is right on these rows and others."""
        ...


class Candidates(Protocol):
    """The trained candidates of a run."""

    @property
    def run(self) -> RunFolder:
        """Where their predictors and answers lie."""
        ...

    @property
    def settings(self) -> Settings:
        """The settings of the run."""
        ...

    @property
    def task(self) -> Any:
        """What is predicted."""
        ...

    @property
    def validation_items(self) -> Sequence[Any]:
        """What the validation rows ask."""
        ...

    @property
    def scores(self) -> Validation:
        """What is right on the validation rows."""
        ...

    @property
    def combinable(self) -> list[Entry]:
        """Those that an ensemble may be made of."""
        ...

    @property
    def listener(self) -> Listener:
        """The listener for progress."""
        ...

    @property
    def scores_out_of_fold(self) -> Validation:
        """What is right on the training rows that were answered out of fold."""
        ...

    def out_of_fold_answers(self, names: Sequence[str]) -> list[StoredAnswers] | None:
        """Give the answers of candidates to training rows that their models did not see; None where one has none."""
        ...

    def keep_out_of_fold(self, name: str, answers: StoredAnswers) -> None:
        """Keep what an ensemble answers to those rows."""
        ...

    def capabilities(self, name: str) -> Capabilities:
        """What the method of a candidate states about itself."""
        ...

    def measured(self, entry: Entry) -> Entry:
        """Let the predictor in an entry's folder answer the validation rows, and measure what that costs."""
        ...


@dataclass(frozen=True)
class HeldOutAnswers:
    """Answers of members to rows that their models did not see: the validation rows, then training rows out of fold.

    Parameters
    ----------
    of_members : list of StoredAnswers
        One a member.
    targets : sequence
        What is right.
    n_validation : int
        Rows of them that are validation rows.
    """

    of_members: list[StoredAnswers]
    targets: Sequence[Any]
    n_validation: int

    @classmethod
    def of(cls, candidates: Candidates, members: Sequence[str]) -> "HeldOutAnswers":
        """Gather them; training rows only where every member answered them."""
        answers = [candidates.run.answers(name, "validation") for name in members]
        targets = list(candidates.scores.targets)
        n_validation, more = len(targets), candidates.out_of_fold_answers(members)
        if more is not None:
            answers = [joined(pair) for pair in zip(answers, more, strict=True)]
            targets += candidates.scores_out_of_fold.targets
        return cls(answers, targets, n_validation)

    @property
    def has_more(self) -> bool:
        """Whether training rows are among them."""
        return len(self.targets) > self.n_validation

    @property
    def probabilities(self) -> list[np.ndarray]:
        """Of each member, of shape (n_rows, n_labels)."""
        found = [one.probabilities for one in self.of_members]
        return [one for one in found if one is not None]

    def split(self, answers: StoredAnswers) -> tuple[StoredAnswers, StoredAnswers | None]:
        """Cut answers to these rows into those to the validation rows and those to the others."""
        first, rest = (
            _part(answers, where) for where in (slice(self.n_validation), slice(self.n_validation, None))
        )
        return first, rest if self.has_more else None


def _part(answers: StoredAnswers, where: slice) -> StoredAnswers:
    probabilities = None if answers.probabilities is None else answers.probabilities[where]
    return StoredAnswers(answers.predicted[where], probabilities, answers.records[where])


def able_members(candidates: Candidates) -> list[Entry]:
    """Give what an average or a cascade may be made of: all but the baselines, which could only dilute it."""
    return [one for one in candidates.combinable if not candidates.capabilities(one.name).is_baseline]


def members_for_average(able: Sequence[Entry]) -> list[str]:
    """Give the candidates that an average is made of, chosen by cost alone: no answer is looked at.

    All that are cheap beside the most expensive, and one expensive one: a second would double what an answer costs. Of
    those that cost about the same the one that was trained longest is taken, for it learned the most.
    """
    single = [entry for entry in able if not entry.members]
    most = max(map(mean_ms, single), default=0.0)
    expensive = [entry for entry in single if mean_ms(entry) * CHEAPER_BY > most]
    longest = max(expensive, key=lambda entry: entry.train_seconds, default=None)
    if len(expensive) == len(single):  # Nothing is cheap beside the rest: an average of one would be none.
        return [entry.name for entry in single]
    return [entry.name for entry in single if entry not in expensive or entry is longest]


def stages_for_cascade(able: Sequence[Entry]) -> tuple[str, str] | None:
    """Give the cheap stage and the expensive one, chosen by cost alone: no answer is looked at.

    The expensive stage is the average where there is one, else the most expensive candidate; the cheap one is the
    first in the catalogue that costs a third of it or less. None where there is no such pair.
    """
    if not able:
        return None
    big = next((entry for entry in able if entry.members), max(able, key=mean_ms))
    for entry in able:
        if not entry.members and mean_ms(entry) * CHEAPER_BY <= mean_ms(big):
            return entry.name, big.name
    return None


def mean_ms(entry: Entry) -> float:
    """Milliseconds that one row takes on average."""
    return float(entry.cost["latency_ms"]["mean"])
