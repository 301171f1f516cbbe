"""A cheap method that answers when it is confident, and an expensive one for the rest.

How sure is enough is not tuned but certified: see `certificate`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from metier.fusion.candidates import Candidates, able_members, stages_for_cascade
from metier.fusion.certificate import CascadeCertificate, certify_cascade
from metier.fusion.composition import exported, find_inside, fingerprint, place_member, shared_labels
from metier.fusion.ensemble import Chosen, Ensemble, FunctionRecipe
from metier.fusion.training import (
    Trained,
    check_rows,
    fit_methods,
    probabilities_of,
    settle,
    train_members,
)
from metier.predictors.composite.cascade import KIND, NEVER
from metier.predictors.loading import read_settings, write_settings
from metier.progress import Listener, ignore
from metier.runs.stored_answers import StoredAnswers
from metier.tasks.estimators import Classifier
from metier.tasks.inputs import read_any
from metier.tasks.method_contract import Capabilities, CostRank

__all__ = ["Cascade", "CascadeCertificate", "certify_cascade", "export_cascade"]


def export_cascade(
    certificate: CascadeCertificate, stage_folders: Sequence[Path], folder: Path, *, name: str
) -> None:
    """Put two exported stages together into a folder that `predictors.composite.cascade` answers from.

    A cheap stage that is also a member of the big one is stored once, inside it. Without a certified
    threshold the big stage answers everything.

    Parameters
    ----------
    certificate : CascadeCertificate
    stage_folders : (cheap, big)
        Folders that methods were exported to.
    folder : Path
        Made if need be.
    name : str
        Versioned name of the method.
    """
    _check_two(stage_folders)
    cheap_source, big_source = stage_folders
    # The big stage's order: where it is an average that is the task's.
    labels = shared_labels(stage_folders[::-1])
    folder.mkdir(parents=True, exist_ok=True)
    big = place_member(big_source, folder, "stages/big")
    inside = find_inside(folder / big["folder"], fingerprint(cheap_source))
    if inside is None:
        cheap = place_member(cheap_source, folder, "stages/cheap")
    else:
        cheap = {
            "folder": f"{big['folder']}/{inside}",
            "name": read_settings(cheap_source)["name"],
            "fingerprint": fingerprint(cheap_source),
        }
    settings = {
        "kind": KIND,
        "name": name,
        "labels": labels,
        "threshold": NEVER if certificate.threshold is None else certificate.threshold,
        "stages": [cheap, big],
        "certificate": asdict(certificate),
    }
    write_settings(folder, settings)


def _choose(candidates: Candidates) -> Chosen[CascadeCertificate]:
    """Look for a threshold that the validation rows can certify.

    Which stages are tried is fixed before anybody looks at an answer, so the certificate pays for one sequence of
    tests, not for a choice among many.
    """
    stages = stages_for_cascade(able_members(candidates))
    if stages is None:
        return Chosen(why_dropped="a cascade does not pay here: no candidate costs a third of another or less")
    cheap, big = (candidates.run.probabilities(stage, "validation") for stage in stages)
    wanted, more = candidates.settings.cascade, candidates.out_of_fold_answers(stages)
    found = certify_cascade(
        cheap,
        big,
        candidates.scores.codes,
        margin=wanted.margin,
        confidence=wanted.confidence,
        groups=_groups(candidates, with_more=more is not None),
        out_of_fold=None if more is None else _out_of_fold(more, candidates),
    )
    if found.threshold is None:
        return Chosen(stages, found, why_dropped=found.reason)
    facts = {"kept_fraction": float(found.kept_fraction), "threshold": float(found.threshold)}
    out_of_fold = None if more is None else _falling_through(more, found.threshold)
    return Chosen(stages, found, facts=facts, out_of_fold=out_of_fold)


def _groups(candidates: Candidates, *, with_more: bool) -> np.ndarray | None:
    if not with_more:
        return candidates.scores.groups
    return candidates.scores.joined(candidates.scores_out_of_fold).groups


def _out_of_fold(
    stages: Sequence[StoredAnswers], candidates: Candidates
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    cheap, big = (np.asarray(one.probabilities) for one in stages)
    return cheap, big, candidates.scores_out_of_fold.codes


def _falling_through(stages: Sequence[StoredAnswers], threshold: float) -> StoredAnswers:
    """Give what both stages together answer."""
    cheap, big = stages
    sure = np.asarray(cheap.probabilities).max(axis=1) >= threshold
    predicted = [
        one if is_sure else other
        for one, other, is_sure in zip(cheap.predicted, big.predicted, sure, strict=True)
    ]
    probabilities = np.where(sure[:, None], np.asarray(cheap.probabilities), np.asarray(big.probabilities))
    return StoredAnswers(predicted, probabilities, [])


def _restored(stored: Mapping[str, Any]) -> CascadeCertificate:
    return CascadeCertificate(**stored)


class CascadeEnsemble(Ensemble[CascadeCertificate]):
    """An ensemble with a guarantee: the one that can state what it loses."""

    def __init__(self, name: str):
        super().__init__(name, FunctionRecipe(_choose, _restored, export_cascade))

    @property
    def guarantee(self) -> str | None:
        """What the certificate guarantees; None where no threshold was certified."""
        found = self.fit
        if found is None or found.threshold is None:
            return None
        cheap, big = self.members
        return (
            f"{cheap} answers {found.kept_fraction * 100:.0f} % of rows before one falls through to {big}; "
            f"certified within {found.margin * 100:g} points of its accuracy ({found.confidence * 100:g} %, before "
            "any refit)"
        )

    def certificate_facts(self) -> dict[str, Any] | None:
        """What the report says of the certificate, certified or not."""
        found = self.fit
        if found is None:
            return None
        return {
            "stages": list(self.members),
            "threshold": found.threshold,
            "kept_fraction": found.kept_fraction,
            "certificate": asdict(found),
        }


class Cascade(Classifier):
    """A cheap method that answers where it is confident, and an expensive one for the rest.

    Nearly as accurate as the big method, by certificate, at a fraction of its cost where most texts are easy.
    It needs some hundred validation rows (598 for half a point) and a cheap method that knows when it is
    right.

    Parameters
    ----------
    stages : [cheap, big]
        Two unfitted methods. A cheap one that is also a member of a big `Average` is trained and stored once.
    margin : float, default=0.005
        Largest loss in accuracy against the big method, as a fraction of the rows.
    confidence : float, default=0.95
        Of the certificate.
    certificate : CascadeCertificate, default=None
        A certificate to trust instead of looking for a threshold.
    random_state : int, default=0
        For what is held out without validation rows; stages have their own.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, in the order of the columns of `predict_proba`.
    stages_ : list of fitted methods
    certificate_ : CascadeCertificate
        Its threshold is None where nothing could be certified; `reason` says why, and the big method answers
        alone.
    chosen_params_ : dict
        What to set so that another fit needs no validation.
    """

    name = "cascade.v1"
    capabilities: ClassVar[Capabilities] = Capabilities(cost=CostRank.ENSEMBLE)

    def __init__(
        self,
        *,
        stages: Sequence[Any] | None = None,
        margin: float = 0.005,
        confidence: float = 0.95,
        certificate: CascadeCertificate | None = None,
        random_state: int = 0,
    ):
        self.stages = stages
        self.margin = margin
        self.confidence = confidence
        self.certificate = certificate
        self.random_state = random_state

    def fit(
        self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Train both stages on X, and certify a threshold on the validation rows.

        Without `validation` a tenth of the rows (of fewer than 1,000 rows: each fifth in turn) is held out
        for it; the stages are then trained on all rows.
        """
        _check_two(self.stages or ())
        random = check_random_state(self.random_state)
        examples, held_rows = check_rows(X, y, validation)
        cheap, big = self.stages or ()
        if self.certificate is not None:
            self.stages_ = fit_methods([cheap, big], examples, held_rows=held_rows, listener=listener)
            self.certificate_ = self.certificate
        else:
            trained = train_members(
                [cheap, big], examples, held_rows=held_rows, random=random, listener=listener
            )
            self.stages_ = trained.members
            self.certificate_ = self._certify(trained)
        self.classes_ = examples.labels
        self.chosen_params_ = {
            "stages": [settle(stage) for stage in self.stages_],
            "certificate": self.certificate_,
        }
        return self

    def _certify(self, trained: Trained) -> CascadeCertificate:
        if not trained.answers:
            return CascadeCertificate.without_rows(margin=self.margin, confidence=self.confidence)
        cheap, big = trained.answers
        return certify_cascade(cheap, big, trained.truth, margin=self.margin, confidence=self.confidence)

    def parts(self) -> Sequence[Any]:
        """Give what it is made of, unfitted."""
        return self.stages or ()

    def fitted_parts(self) -> Sequence[Any]:
        """Give the same in the same order, after `fit`."""
        return self.stages_

    def export(self, folder: Path) -> None:
        """Leave the files that `predictors.composite.cascade` answers from."""
        check_is_fitted(self)
        with exported(self.stages_, beside=folder) as folders:
            export_cascade(self.certificate_, folders, folder, name=self.name)

    def _read(self, X: Any) -> Sequence[Any]:
        return read_any(X)

    def _probabilities(self, items: Sequence[Any]) -> np.ndarray:
        cheap, big = self.stages_
        threshold = self.certificate_.threshold
        if threshold is None:
            return probabilities_of(big, items, self.classes_)
        probabilities = probabilities_of(cheap, items, self.classes_)
        unsure = np.flatnonzero(probabilities.max(axis=1) < threshold)
        if len(unsure):
            probabilities[unsure] = probabilities_of(
                big, [items[row] for row in unsure.tolist()], self.classes_
            )
        return probabilities


def _check_two(stages: Sequence[Any]) -> None:
    if len(stages) != 2:
        raise ValueError(
            f"A cascade has two stages, a cheap and a big one; found {len(stages)}. Give [cheap, big]."
        )
