"""Answers of any predictor of one label with the evidence beside.

A composite has none of its own: a member that it asks about every question lends its evidence, and hands its answers down,
so that nothing is computed twice. Of a cascade this is the cheap stage.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse

from metier.features.tfidf import SparseRows
from metier.predictors.composite.cascade import CascadePredictor
from metier.predictors.composite.members import Composed, Member
from metier.predictors.evidence import Evidence, GivesEvidence
from metier.tasks.answer_batches import Answers


def lender_of(predictor: Any) -> str | None:
    """Give the fingerprint of the member that lends its evidence: one with dense vectors, else any that has some.

    None where the predictor has evidence itself, or no member has.
    """
    lenders = [
        member
        for member in _asked_each_time(predictor)
        if _gives(member.predictor) and tuple(member.predictor.labels) == tuple(predictor.labels)
    ]
    if _gives(predictor) or not lenders:
        return None
    return max(lenders, key=lambda member: _is_dense(member.predictor)).fingerprint


def answer_with_evidence(predictor: Any, items: Sequence[Any], lender: str | None) -> tuple[Answers, Evidence]:
    """Answer questions; `lender` is what `lender_of` gave. Probabilities are those of the answers, whoever lends."""
    if lender is not None:
        lent, evidence = predictor.find(lender).evidence(items)
        answers: Any = predictor.predict(items, known={lender: lent})
        return answers, Evidence(answers.probabilities, evidence.logits, _as_matrix(evidence.vectors))
    if _gives(predictor) and len(items):
        answers, evidence = predictor.evidence(items)
        return answers, Evidence(evidence.probabilities, evidence.logits, _as_matrix(evidence.vectors))
    answers = predictor.predict(items)
    return answers, Evidence(answers.probabilities)


def _as_matrix(vectors: Any) -> Any:
    if not isinstance(vectors, SparseRows):
        return vectors
    return sparse.csr_array((vectors.values, vectors.columns, vectors.starts), shape=vectors.shape)


def _gives(predictor: Any) -> bool:
    return isinstance(predictor, GivesEvidence) and predictor.has_evidence


def _is_dense(predictor: Any) -> bool:
    """Whether its vectors are dense, by those of one trial question."""
    return isinstance(predictor.evidence(["a"])[1].vectors, np.ndarray)


def _asked_each_time(predictor: Any) -> list[Member]:
    """Give the members that answer every question, at any depth."""
    members: Sequence[Member] = predictor.members if isinstance(predictor, Composed) else ()
    if isinstance(predictor, CascadePredictor):
        members = [predictor.cheap if predictor.threshold <= 1 else predictor.big]
    return [*members, *(below for member in members for below in _asked_each_time(member.predictor))]
