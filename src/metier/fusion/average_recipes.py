"""The averages of a run's candidates: one recipe, and for each kind of answers how its weights are fitted.

What a run compares are answers to validation rows, and an average is fitted on those rows. So that sets and scores do
not look better than they are beside their members, their validation answers are those of fits that did not see the row.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from metier.fusion.average import AverageFit, cross_fitted, fit_average
from metier.fusion.candidates import Candidates, HeldOutAnswers, able_members, members_for_average
from metier.fusion.composition import export_members
from metier.fusion.ensemble import Chosen, Ensemble
from metier.fusion.label_average import fit_label_average
from metier.fusion.score_average import coverage_of, fit_score_average
from metier.predictors.composite.average import LABELS, SCORES, SETS, FittedAverage
from metier.runs.stored_answers import StoredAnswers, keep
from metier.tasks.answers import LABEL_SET
from metier.tasks.examples import Examples

Fitting = Callable[[Candidates, Sequence[str]], Chosen[FittedAverage]]


@dataclass(frozen=True)
class AverageRecipe:
    """An average of all candidates that are cheap beside the most expensive, and of one expensive one.

    Parameters
    ----------
    kind : str
        Of predictor.
    fit : callable
        From candidates and the names of members to what is chosen.
    """

    kind: str
    fit: Fitting

    def choose(self, candidates: Candidates) -> Chosen[FittedAverage]:
        """Choose members by cost alone, and fit the average on their validation answers."""
        members = members_for_average(able_members(candidates))
        if len(members) < 2:
            return Chosen(why_dropped="an average needs at least two candidates")
        return self.fit(candidates, members)

    def stored(self, fit: FittedAverage, /) -> Mapping[str, Any]:
        """Give a fit as JSON holds it."""
        return fit.settings()

    def restored(self, stored: Mapping[str, Any]) -> FittedAverage:
        """Read what `stored` gave."""
        return FittedAverage.of(stored, kind=self.kind)

    def export(self, fit: FittedAverage, folders: Sequence[Path], folder: Path, *, name: str) -> None:
        """Put the members together."""
        export_members(folders, folder, fit.whole(name), parts=fit.members)


def average_of_labels(name: str) -> Ensemble[FittedAverage]:
    """Average probabilities of labels, each member at its own temperature; see `average`."""
    return Ensemble(name, AverageRecipe(LABELS, _fit_labels))


def average_of_sets(name: str) -> Ensemble[FittedAverage]:
    """Average sets of labels.

    Log-odds of the members are averaged label by label, with equal weights; each label has a calibration curve and a
    threshold, fitted on validation. Members are all candidates that are cheap beside the most expensive and one
    expensive one, chosen by cost alone. At least ten validation rows are needed.
    """
    return Ensemble(name, AverageRecipe(SETS, _fit_sets))


def average_of_scores(name: str) -> Ensemble[FittedAverage]:
    """Average scores.

    The weights minimise the squared error on validation, none below 0, shrunk towards equal ones: a few hundred rows
    cannot reliably distinguish good members. The interval is fitted by split conformal prediction on cross-fitted
    predictions, and has the same guarantee as the intervals of the members. Members are all candidates that are cheap
    beside the most expensive and one expensive one. At least ten validation rows are needed.
    """
    return Ensemble(name, AverageRecipe(SCORES, _fit_scores))


def _fit_labels(candidates: Candidates, members: Sequence[str]) -> Chosen[FittedAverage]:
    rows, labels = HeldOutAnswers.of(candidates, members), candidates.task.labels
    place = {label: at for at, label in enumerate(labels)}
    truth = np.array([place[target] for target in rows.targets])
    fit: AverageFit = fit_average(rows.probabilities, truth)
    facts = {
        "weights": dict(zip(members, map(float, fit.weights), strict=True)),
        "temperatures": dict(zip(members, map(float, fit.temperatures), strict=True)),
    }
    if not rows.has_more:  # On many validation rows a weight or two fits nothing by chance.
        return Chosen(members, fit.fitted(labels), facts=facts)
    held_out = cross_fitted(rows.probabilities, truth, random_state=candidates.settings.random_state)
    answers = StoredAnswers([labels[best] for best in held_out.argmax(axis=1)], held_out, [])
    return _chosen(members, fit.fitted(labels), facts, rows, answers)


def _fit_sets(candidates: Candidates, members: Sequence[str]) -> Chosen[FittedAverage]:
    rows, labels = HeldOutAnswers.of(candidates, members), candidates.task.labels
    known = Examples((), (), np.array(labels))
    truth = LABEL_SET.check(rows.targets, rows.targets, known=known).truth
    seed = candidates.settings.random_state
    fit = fit_label_average(rows.probabilities, truth, labels=labels, random_state=seed)
    answers = StoredAnswers(fit.held_out_sets, fit.held_out, [])
    return _chosen(members, fit.fitted, {}, rows, answers)


def _fit_scores(candidates: Candidates, members: Sequence[str]) -> Chosen[FittedAverage]:
    rows = HeldOutAnswers.of(candidates, members)
    coverage = coverage_of([candidates.run.candidate(member) for member in members])
    seed = candidates.settings.random_state
    scores = [one.predicted for one in rows.of_members]
    fit = fit_score_average(scores, rows.targets, coverage=coverage, random_state=seed)
    facts = {"weights": dict(zip(members, fit.weights, strict=True)), "half_width": fit.half_width}
    answers = keep(fit.decoder.answer(fit.held_out, SCORES), ())
    return _chosen(members, fit.fitted, facts, rows, answers)


def _chosen(
    members: Sequence[str],
    fit: FittedAverage,
    facts: Mapping[str, Any],
    rows: HeldOutAnswers,
    answers: StoredAnswers,
) -> Chosen[FittedAverage]:
    """Choose a fit whose answers to the rows are those of fits that did not see the row."""
    first, more = rows.split(answers)
    return Chosen(members, fit, facts=facts, answers=first, out_of_fold=more)
