"""The averages of answers that are no single label: sets of labels, and scores.

What a race compares are answers to validation rows, and an average is fitted on those rows. So that it does not look
better than it is beside its members, its validation answers are those of fits that did not see the row.
"""

from typing import Any

import numpy as np

from metier.fusion.label_average import LabelAverageFit, export_label_average, fit_label_average
from metier.fusion.score_average import ScoreAverageFit, coverage_of, export_score_average, fit_score_average
from metier.predictors.score_answers import ScoreRule
from metier.runs.run_folder import Entry
from metier.runs.stored_answers import StoredAnswers, keep
from metier.selection.execution.ensemble_builder import fresh, members_for_average, written
from metier.tasks.label_sets import check_label_sets


class LabelAverageJoiner:
    """Joins an average of sets of labels.

    Log-odds of the members are averaged label by label, all members alike; a curve for each label says what the mean
    means, and a threshold from where the label is answered. Members are all candidates that are cheap beside the
    dearest and one dear one, chosen by cost alone. At least ten validation rows are needed.
    """

    def __init__(self, name: str):
        self.name = name
        self.members: list[str] = []
        self.fit: LabelAverageFit | None = None

    def join(self, race: Any) -> Entry:
        """Fit curves and thresholds on the members' validation answers."""
        self.members = members_for_average(race.joinable)
        if len(self.members) < 2:
            return Entry(self.name, status="dropped", why="an average joins at least two candidates")
        labels, items = race.task.labels, list(race.validation_items)
        truth = check_label_sets(items, race.figures.targets, labels=labels).truth
        answers = [race.run.probabilities(name, "validation") for name in self.members]
        seed = race.settings.random_state
        self.fit = fit_label_average(answers, truth, labels=labels, random_state=seed)
        entry = written(self, race, Entry(self.name, members=self.members))
        race.run.save_answers(self.name, "validation", StoredAnswers(self.fit.unseen_sets, self.fit.unseen, []))
        return entry

    def write(self, race: Any) -> None:
        """Compose the members' folders."""
        assert self.fit is not None  # Only what was joined is written.
        folders = [race.run.candidate(member) for member in self.members]
        export_label_average(self.fit, folders, fresh(race.run.candidate(self.name)), name=self.name)


class ScoreAverageJoiner:
    """Joins an average of scores.

    Weights are those of the least squared error on validation, none below 0, held towards equal ones: a few hundred
    rows tell a good member from a lucky one badly. The interval is its own, by split conformal prediction on answers
    of weights that did not see the row, and promises what the members' intervals promise. Members are all candidates
    that are cheap beside the dearest and one dear one. At least ten validation rows are needed.
    """

    def __init__(self, name: str):
        self.name = name
        self.members: list[str] = []
        self.fit: ScoreAverageFit | None = None

    def join(self, race: Any) -> Entry:
        """Fit weights and interval on the members' validation scores."""
        self.members = members_for_average(race.joinable)
        if len(self.members) < 2:
            return Entry(self.name, status="dropped", why="an average joins at least two candidates")
        scores = [race.run.answers(name, "validation").predicted for name in self.members]
        coverage = coverage_of([race.run.candidate(member) for member in self.members])
        seed = race.settings.random_state
        self.fit = fit_score_average(scores, race.figures.targets, coverage=coverage, random_state=seed)
        facts = {
            "weights": dict(zip(self.members, self.fit.weights, strict=True)),
            "half_width": self.fit.half_width,
        }
        entry = written(self, race, Entry(self.name, members=self.members, facts=facts))
        answers = ScoreRule(self.fit.half_width, coverage).answer(np.asarray(self.fit.unseen), self.name)
        race.run.save_answers(self.name, "validation", keep(answers, ()))
        return entry

    def write(self, race: Any) -> None:
        """Compose the members' folders."""
        assert self.fit is not None  # Only what was joined is written.
        folders = [race.run.candidate(member) for member in self.members]
        export_score_average(self.fit, folders, fresh(race.run.candidate(self.name)), name=self.name)
