"""A vote over the spans of several methods.

A span's support is the sum of its finders' weights, each times the probability the finder gives. Members that
differ in kind err on different spans: what a dictionary, a CRF and an encoder all find is nearly always right,
and what one finds alone only if it is sure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from metier.evaluation.entity_measures import entity_f1
from metier.fusion.candidates import Candidates
from metier.fusion.composition import export_members, exported, shared_labels
from metier.fusion.ensemble import Chosen, Ensemble, FunctionRecipe
from metier.fusion.training import settle
from metier.predictors.composite.vote import KIND
from metier.progress import Listener, ignore
from metier.tasks.answers.bio import Span
from metier.tasks.answers.scored_spans import (
    UNCALIBRATED,
    ScoredSpan,
    SpanCalibration,
    elect,
    fit_calibration,
    supported,
    targets_of,
)
from metier.tasks.answers.spans import SPANS
from metier.tasks.estimators import SpanMethod
from metier.tasks.examples import Examples
from metier.tasks.method_contract import Capabilities, CostRank
from metier.text.given_texts import as_texts

N_THRESHOLDS = 60
# Without rows to choose on: more than half of the members' weight, or fewer that are sure.
UNFITTED_THRESHOLD = 0.3

# A span with its probability: a ScoredSpan, or the mapping that stands for it in an answer's record.
Voted = ScoredSpan | Mapping[str, Any]


@dataclass(frozen=True)
class VoteFit:
    """What a vote needs to know of its members.

    Parameters
    ----------
    weights : tuple of float
        One a member, in the order they were given; together 1.
    threshold : float
        Least support of a span, 0 to 1.
    calibration : SpanCalibration
        From the support to a probability.
    """

    weights: tuple[float, ...]
    threshold: float
    calibration: SpanCalibration = UNCALIBRATED

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self:
        """Read what `dataclasses.asdict` gave."""
        return cls(tuple(stored["weights"]), stored["threshold"], SpanCalibration(**stored["calibration"]))

    def join(self, member_answers: Sequence[Sequence[Sequence[Voted]]]) -> list[list[ScoredSpan]]:
        """Give the spans elected in each text, with probabilities; one list of answers a member."""
        return [
            [self.calibration.of(span) for span in elect(candidates, self.threshold)]
            for candidates in _candidates(member_answers, self.weights)
        ]


def join_vote(
    member_folders: Sequence[Path],
    member_answers: Sequence[Sequence[Sequence[Voted]]],
    truth: Sequence[Sequence[Span]],
) -> VoteFit:
    """Fit weights and threshold on rows that no member was trained on, after a check that members agree on labels.

    Parameters
    ----------
    member_folders : sequence of Path
        Folders that methods were exported to.
    member_answers : sequence (members) of sequences (rows) of lists of spans with probabilities
        In the order of the folders; `answers.record(row)["spans"]` is one of the lists.
    truth : sequence of lists of [start, end, label]
    """
    shared_labels(member_folders)
    return fit_vote(member_answers, truth)


def fit_vote(member_answers: Sequence[Sequence[Sequence[Voted]]], truth: Sequence[Sequence[Span]]) -> VoteFit:
    """Fit weights by each member's F1, then the threshold of the best F1 together, then the probabilities.

    Parameters
    ----------
    member_answers : sequence (members) of sequences (rows) of lists of spans with probabilities
    truth : sequence of lists of [start, end, label]
    """
    if len(member_answers) == 0:
        raise ValueError("A vote needs members, found none. Give the answers of at least one.")
    scores = np.array([entity_f1(truth, [_places(row) for row in answers]) for answers in member_answers])
    weights = scores / scores.sum() if scores.sum() > 0 else np.full(len(scores), 1 / len(scores))
    candidates = _candidates(member_answers, weights.tolist())
    threshold = _best_threshold(candidates, truth)
    evidence, right = [], []
    for spans, true in zip(candidates, truth, strict=True):
        known = {tuple(span) for span in true}
        for span in elect(spans, threshold):
            evidence.append(float(np.log(span.probability)))
            right.append(span.place in known)
    return VoteFit(tuple(weights.tolist()), threshold, fit_calibration(evidence, right))


def export_vote(fit: VoteFit, member_folders: Sequence[Path], folder: Path, *, name: str = "vote.v1") -> None:
    """Put exported members together into a folder that `predictors.composite.vote` answers from.

    Parameters
    ----------
    fit : VoteFit
    member_folders : sequence of Path
        Folders that methods were exported to, in the order of the fit.
    folder : Path
        Made if need be.
    name : str
        Versioned name of the method.
    """
    whole = {
        "kind": KIND,
        "name": name,
        "labels": shared_labels(member_folders),
        "threshold": fit.threshold,
        "calibration": asdict(fit.calibration),
    }
    export_members(member_folders, folder, whole, parts=[{"weight": weight} for weight in fit.weights])


def _choose(candidates: Candidates) -> Chosen[VoteFit]:
    """Let every candidate that finds spans vote; fit weights and threshold on the members' validation spans."""
    members = [entry.name for entry in candidates.combinable if not entry.members]
    if len(members) < 2:
        return Chosen(why_dropped="a vote needs at least two candidates")
    folders = [candidates.run.candidate(member) for member in members]
    found = [candidates.run.answers(member, "validation").records for member in members]
    spans = [[record["spans"] for record in records] for records in found]
    fit = join_vote(folders, spans, candidates.scores.targets)
    facts = {
        "weights": dict(zip(members, map(float, fit.weights), strict=True)),
        "threshold": float(fit.threshold),
    }
    return Chosen(members, fit, facts=facts)


def vote_ensemble(name: str) -> Ensemble[VoteFit]:
    """Put spans to the vote; see `vote`."""
    return Ensemble(name, FunctionRecipe(_choose, VoteFit.of, export_vote))


class Vote(SpanMethod):
    """A vote of span methods: what several find is correct more often than what one finds.

    Gains where the members differ in kind: a CRF beside an encoder. Costs as much as all of them together.

    Parameters
    ----------
    members : list of methods
        Unfitted; at least one.
    fixed : VoteFit, default=None
        Weights, threshold, probabilities; None: fitted on validation.
    random_state : int, default=0
        For what is held out without validation rows; members have their own.

    Attributes
    ----------
    labels_ : tuple of str
    members_ : list of fitted methods
    fit_ : VoteFit
    chosen_params_ : dict
        What to set so that another fit needs no validation.
    """

    name = "vote.v1"
    capabilities: ClassVar[Capabilities] = Capabilities(cost=CostRank.ENSEMBLE)

    def __init__(
        self, *, members: Sequence[Any] | None = None, fixed: VoteFit | None = None, random_state: int = 0
    ):
        self.members = members
        self.fixed = fixed
        self.random_state = random_state

    def fit(
        self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Train the members on X, and fit the vote on the validation rows.

        Without `validation` a part of the rows is held out to fit on; the members are then trained on all rows.
        """
        if not self.members:
            raise ValueError(
                "A vote needs members, found none. Give at least one unfitted method as members=[…]."
            )
        examples = SPANS.check(as_texts(X), y)
        held_rows = (
            None if validation is None else SPANS.check(as_texts(validation[0]), validation[1], known=examples)
        )
        self.labels_ = examples.label_names
        if held_rows is None and self.fixed is None:
            self._choose_then_fit(examples, listener)
        else:
            self.members_ = [_train(member, examples, held_rows, listener) for member in self.members]
            self.fit_ = self.fixed or _fit_on(self.members_, held_rows)
        self.chosen_params_ = {"members": [settle(member) for member in self.members_], "fixed": self.fit_}
        return self

    def _spans(self, texts: Sequence[str]) -> list[list[ScoredSpan]]:
        return self.fit_.join([member.predict_spans(texts) for member in self.members_])

    def export(self, folder: Path) -> None:
        """Leave the files that `predictors.composite.vote` answers from."""
        check_is_fitted(self)
        with exported(self.members_, beside=folder) as folders:
            export_vote(self.fit_, folders, folder, name=self.name)

    def _choose_then_fit(self, examples: Examples, listener: Listener) -> None:
        assert self.members is not None
        split = SPANS.held_out(examples, random_state=self.random_state)
        again = list(self.members)
        self.fit_ = _unfitted(len(again))
        if split is not None:
            kept, rest = split
            trained = [_train(member, kept, rest, listener) for member in self.members]
            self.fit_ = _fit_on(trained, rest)
            again = [settle(member) for member in trained]
        self.members_ = [_train(member, examples, None, listener) for member in again]


def _train(method: Any, examples: Examples, held_rows: Examples | None, listener: Listener) -> Any:
    validation = None if held_rows is None else (held_rows.items, held_rows.truth)
    return clone(method).fit(examples.items, examples.truth, validation=validation, listener=listener)


def _fit_on(members: Sequence[Any], held_rows: Examples | None) -> VoteFit:
    if held_rows is None:
        return _unfitted(len(members))
    return fit_vote([member.predict_spans(held_rows.items) for member in members], held_rows.truth)


def _unfitted(n_members: int) -> VoteFit:
    return VoteFit((1 / n_members,) * n_members, UNFITTED_THRESHOLD)


def _candidates(
    member_answers: Sequence[Sequence[Sequence[Voted]]], weights: Sequence[float]
) -> list[list[ScoredSpan]]:
    rows = zip(*member_answers, strict=True)
    return [supported([list(map(_as_span, spans)) for spans in row], weights) for row in rows]


def _as_span(span: Voted) -> ScoredSpan:
    if isinstance(span, ScoredSpan):
        return span
    return ScoredSpan(span["start"], span["end"], span["label"], span["probability"])


def _places(spans: Sequence[Voted]) -> list[Span]:
    return targets_of(list(map(_as_span, spans)))


def _best_threshold(candidates: Sequence[Sequence[ScoredSpan]], truth: Sequence[Sequence[Span]]) -> float:
    """Try thresholds at equal shares of the candidates; of equals the middle one."""
    supports = np.array([span.probability for spans in candidates for span in spans])
    if len(supports) == 0:
        return UNFITTED_THRESHOLD
    edges = np.unique(np.quantile(supports, np.linspace(0, 1, N_THRESHOLDS)))
    # Between supports that occur: rounding in a record then decides nothing.
    tried = (np.concatenate([[0.0], edges[:-1]]) + edges) / 2
    scores = np.array(
        [entity_f1(truth, [targets_of(elect(spans, threshold)) for spans in candidates]) for threshold in tried]
    )
    best = np.flatnonzero(scores >= scores.max() - 1e-12)
    return float(tried[best[len(best) // 2]])
