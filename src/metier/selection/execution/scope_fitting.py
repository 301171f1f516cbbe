"""Fitting the rule of what is out of scope: which score, and which cut, by training and validation rows alone.

The score is `combined` where there are vectors of a network, else `energy`, decided beforehand. Choosing one by labels that
are left out was tried and misled: the model has learned those labels, and of a fine-tuned encoder on banking77 the energy
had an AUROC of .993 on labels that were left out, and of .907 on labels that were unknown. Where rows that no label fits
are given, the score is the one that tells them from the validation rows best (AUROC).

The cut keeps a stated share of the validation rows, corrected for their number as in split conformal prediction: of new
rows in scope at least that share is kept, on average. Test rows are never looked at.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from metier.errors import DataError
from metier.evaluation.scope_measures import auroc
from metier.predictors.evidence import Evidence
from metier.predictors.scope.lending import answer_with_evidence, lender_of
from metier.predictors.scope.scope_rule import ScopeRule
from metier.predictors.scope.scope_scores import SCOPE_SCORES, Combined

KEPT = 0.95
# The first that suits, where no rows out of scope are given.
UNCHOSEN = ("combined", "energy", "nearest", "max_probability")
MOST_TRAINING_ROWS = 5_000
GIVEN, BY_DEFAULT = "given_rows", "default"


@dataclass(frozen=True)
class Known:
    """Rows with what a model knows of them.

    Parameters
    ----------
    evidence : Evidence
    truth : ndarray of int of shape (n_rows,)
        Positions of their labels.
    """

    evidence: Evidence
    truth: np.ndarray


def fit_scope(
    predictor: Any,
    train: tuple[Sequence[Any], Sequence[str]],
    validation: tuple[Sequence[Any], Sequence[str]],
    *,
    outside: Sequence[Any] = (),
    kept: float = KEPT,
) -> ScopeRule:
    """Fit the rule of a predictor of one label.

    Parameters
    ----------
    train, validation : tuple of items and labels
        The predictor learned from the first alone; of many of them a part is asked.
    outside : sequence, optional
        Items that no label fits, none of them of the test rows.
    kept : float
        Share of rows in scope that is to be kept, above 0 and below 1.

    Raises
    ------
    DataError
        If there are too few validation rows for that share.
    """
    lender = lender_of(predictor)
    items, labels = part_of_rows(*train)
    learned = known_rows(predictor, items, labels, lender)
    held_out = known_rows(predictor, *validation, lender)
    others = answer_with_evidence(predictor, outside, lender)[1] if len(outside) else None
    return rule_of(learned, held_out, others, kept=kept, lender=lender)


def fit_scope_again(predictor: Any, rule: ScopeRule, train: tuple[Sequence[Any], Sequence[str]]) -> ScopeRule:
    """Fit a rule that was chosen before to a predictor that was trained again on more rows; cut and scales stay.

    All rows taught it, so no cut can be taken from them.
    """
    lender = lender_of(predictor)
    arrays = _fitted(rule.kind, known_rows(predictor, *part_of_rows(*train), lender))
    if "scales" in rule.facts:
        arrays["scales"] = np.array(rule.facts["scales"])
    return ScopeRule(rule.kind, rule.cut, arrays, lender, rule.facts)


def rule_of(
    learned: Known,
    held_out: Known,
    outside: Evidence | None = None,
    *,
    kept: float = KEPT,
    lender: str | None = None,
) -> ScopeRule:
    """Choose the score and the cut; see `fit_scope`.

    Parameters
    ----------
    learned, held_out : Known
        Of training rows, and of validation rows.
    outside : Evidence, optional
        Of given rows that no label fits.
    """
    by_kind = {} if outside is None else compare_scores(learned, held_out, outside)
    kind = max(by_kind, key=lambda one: by_kind[one]) if by_kind else _unchosen(learned.evidence)
    arrays = fitted_score(kind, learned, held_out)
    cut = cut_for(SCOPE_SCORES[kind].scores(held_out.evidence, arrays), kept)
    facts: dict[str, Any] = {"kept": kept, "criterion": GIVEN if by_kind else BY_DEFAULT, "auroc": by_kind}
    if "scales" in arrays:
        facts["scales"] = arrays["scales"].tolist()
    return ScopeRule(kind, cut, arrays, lender, facts | {"validation_rows": len(held_out.truth)})


def compare_scores(learned: Known, held_out: Known, outside: Evidence) -> dict[str, float]:
    """Give how well each score tells rows out of scope from held-out rows in scope: its AUROC."""
    found = {}
    for kind, score in SCOPE_SCORES.items():
        if score.suits(learned.evidence):
            arrays = fitted_score(kind, learned, held_out)
            found[kind] = auroc(score.scores(held_out.evidence, arrays), score.scores(outside, arrays))
    return found


def fitted_score(kind: str, learned: Known, held_out: Known) -> dict[str, np.ndarray]:
    """Give what a score learns of training rows, and what of held-out rows its parts are scaled by."""
    arrays, score = _fitted(kind, learned), SCOPE_SCORES[kind]
    return (
        arrays | {"scales": score.scales(held_out.evidence, arrays)} if isinstance(score, Combined) else arrays
    )


def _fitted(kind: str, learned: Known) -> dict[str, np.ndarray]:
    # A label without a row among these has no mean.
    return SCOPE_SCORES[kind].fit(learned.evidence, np.unique(learned.truth, return_inverse=True)[1])


def _unchosen(evidence: Evidence) -> str:
    return next(kind for kind in UNCHOSEN if SCOPE_SCORES[kind].suits(evidence))


def cut_for(inside: np.ndarray, kept: float) -> float:
    """Give the cut at or below which that share of new rows in scope lies, by held-out rows of them.

    Raises
    ------
    DataError
        If there are too few of them.
    """
    rank = math.ceil((len(inside) + 1) * kept - 1e-9)
    if rank > len(inside):
        needed = math.ceil(kept / (1 - kept) - 1e-9)
        raise DataError(
            f"A rule that keeps {100 * kept:g} % of the rows in scope needs at least {needed} validation rows, and there "
            f"are {len(inside)}. Give more rows, or let it keep fewer."
        )
    return float(np.sort(inside)[rank - 1])


def known_rows(predictor: Any, items: Sequence[Any], labels: Sequence[str], lender: str | None) -> Known:
    """Ask about rows, and give what is known of those whose label the predictor has."""
    place = {label: position for position, label in enumerate(predictor.labels)}
    picked = [row for row, label in enumerate(labels) if str(label) in place]
    _, evidence = answer_with_evidence(predictor, [items[row] for row in picked], lender)
    return Known(evidence, np.array([place[str(labels[row])] for row in picked], dtype=np.int64))


def part_of_rows(items: Sequence[Any], labels: Sequence[str]) -> tuple[Sequence[Any], Sequence[str]]:
    """Give the rows, of many of them evenly spaced ones of each label."""
    if len(items) <= MOST_TRAINING_ROWS:
        return items, labels
    order = np.argsort(np.asarray(labels, dtype=str), kind="stable")
    picked = np.sort(order[np.linspace(0, len(order) - 1, MOST_TRAINING_ROWS).round().astype(np.int64)])
    return [items[row] for row in picked], [labels[row] for row in picked]
