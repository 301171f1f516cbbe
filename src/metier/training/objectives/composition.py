"""Objectives put together from one string: `focal:2+r_drop:0.5+fgm:1`.

Terms are joined by `+`; a term is a name and its numbers behind colons. One term is the loss of the answers
(`cross_entropy`, `focal`), and where none is named that is the method's own; the others wrap it. In whatever order they
are written, they are put on from the inside out as they stand in `WRAPPERS`: what needs the labels first, then what
compares passes, then what looks at weights. Which terms a method takes hangs on what it answers, see `learning`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from metier.bases.adaptation.naming import KINDS
from metier.errors import SettingsError
from metier.training.batch import Batch, Rows
from metier.training.batching import TokenisedRows
from metier.training.objectives.adversarial import fgm, pgd
from metier.training.objectives.cross_entropy import balanced_weights
from metier.training.objectives.distillation import TaughtRows, distillation
from metier.training.objectives.elastic_weights import Anchor, elastic_weights
from metier.training.objectives.learning import LABELS, Learning
from metier.training.objectives.mixup import mixup
from metier.training.objectives.objective import Objective
from metier.training.objectives.r_drop import r_drop
from metier.training.objectives.simcse import simcse
from metier.training.objectives.supervised_contrastive import supervised_contrastive

SMALLEST = 1e-6  # In the place of a bound that is itself left out.


@dataclass(frozen=True)
class Number:
    """A number of a term: its name, its default, and the bounds it may lie between."""

    name: str
    default: float
    low: float = 0.0
    high: float = float("inf")
    is_whole: bool = False

    def fault(self, value: float) -> str | None:
        """Say what is wrong with a value, if anything is."""
        if self.low <= value <= self.high and (not self.is_whole or value == int(value)):
            return None
        kind = "a whole number" if self.is_whole else "a number"
        low = "above 0" if self.low == SMALLEST else f"from {self.low:g}"
        high = "" if self.high == float("inf") else f" to {self.high:g}"
        return f"{self.name} is {value:g}, expected {kind} {low}{high}"


@dataclass(frozen=True)
class Term:
    """What can be put on a loss: a row of `WRAPPERS`.

    Parameters
    ----------
    wrap : callable
        Takes an objective and the numbers by their names, and gives an objective.
    numbers : tuple of Number
    takes : tuple of str
        What it is given besides: `questions` (see `Learning`), `anchor` (what `ewc` holds on to).
    needs_dropout : bool
        Whether it compares passes that differ by dropout.
    suits : tuple of str
        Kinds of answers that it suits besides those that name it in their `terms`.
    """

    wrap: Callable[..., Objective]
    numbers: tuple[Number, ...]
    takes: tuple[str, ...] = ()
    needs_dropout: bool = False
    suits: tuple[str, ...] = ()


def _with_simcse(objective: Objective, *, weight: float, temperature: float) -> Objective:
    beside = simcse(temperature=temperature)

    def both(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
        return objective(model, batch) + weight * beside(model, batch)

    return both


def _pgd(objective: Objective, *, size: float, steps: float) -> Objective:
    return pgd(objective, size=size, steps=int(steps))


NUMBERS_OF_LOSSES: dict[str, tuple[Number, ...]] = {"focal": (Number("focusing", 2.0),)}
WRAPPERS: dict[str, Term] = {
    "mixup": Term(mixup, (Number("concentration", 0.4, SMALLEST),)),
    "supcon": Term(supervised_contrastive, (Number("weight", 0.3, 0, 1), Number("temperature", 0.3, SMALLEST))),
    "distillation": Term(distillation, (Number("weight", 0.5, 0, 1), Number("temperature", 2.0, SMALLEST))),
    "simcse": Term(
        _with_simcse, (Number("weight", 0.1), Number("temperature", 0.05, SMALLEST)), needs_dropout=True
    ),
    "r_drop": Term(r_drop, (Number("weight", 0.5),), takes=("questions",), needs_dropout=True),
    "fgm": Term(fgm, (Number("size", 1.0, SMALLEST),)),
    "pgd": Term(_pgd, (Number("size", 1.0, SMALLEST), Number("steps", 3, 1, 20, is_whole=True))),
    "ewc": Term(elastic_weights, (Number("weight", 1.0),), takes=("anchor",)),
}
# Rows between rows have no label, no teacher and no second pass of their own.
NOT_BESIDE_MIXUP = ("supcon", "distillation", "r_drop", "fgm", "pgd")
# What looks into layers that do not train finds nothing there: their outputs are computed once and kept.
NOT_ON_KEPT_LAYERS = {
    "encoder": ("fgm", "pgd", "mixup", "r_drop", "simcse"),
    "lower layers": ("fgm", "pgd", "mixup"),
}
NO_OLD_ROWS = (
    "objective has ewc, which needs rows of the earlier training to estimate which weights matter; give "
    "them as old_rows, a file of rows or items, or leave ewc out"
)


def objective_of(
    text: str | None,
    model: torch.nn.Module,
    rows: Rows,
    *,
    learning: Learning = LABELS,
    label_smoothing: float = 0.0,
    class_weights: str | None = None,
    old_rows: Rows | None = None,
    random_state: int = 0,
) -> Objective:
    """Give the objective that a method is set to.

    Parameters
    ----------
    text : str or None
        The terms.
    model : Headed
        As it starts: what `ewc` holds on to.
    rows : Rows
        To be learned: classes are weighed by their labels.
    class_weights : {"balanced"} or None
    old_rows : Rows, optional
        What the model learned before: `ewc` finds on them what matters.

    Raises
    ------
    SettingsError
        If the string is wrong, or asks for a teacher or for old rows and there are none.
    """
    terms = parse(text, learning)
    faults = []
    if "distillation" in terms and not isinstance(rows, TaughtRows):
        faults.append(
            "distillation needs the probabilities of a teacher, and none were given; give them to fit as "
            "`soft`, or leave distillation out"
        )
    if "ewc" in terms and old_rows is None:
        faults.append(NO_OLD_ROWS)
    if faults:
        raise SettingsError(faults, origin="The terms of the objective")
    weights = None
    if class_weights is not None:
        assert rows.truth is not None
        n_classes = int(rows.truth.shape[1]) if rows.truth.ndim > 1 else int(rows.truth.max()) + 1
        weights = balanced_weights(rows.truth, n_classes)
    anchor = None
    if "ewc" in terms and old_rows is not None:
        anchor = Anchor.of(model, old_rows, learning=learning, random_state=random_state)
    return compose(
        terms, learning=learning, label_smoothing=label_smoothing, class_weights=weights, anchor=anchor
    )


def compose(
    terms: str | Mapping[str, Mapping[str, float]],
    *,
    learning: Learning = LABELS,
    label_smoothing: float = 0.0,
    class_weights: np.ndarray | None = None,
    anchor: Anchor | None = None,
) -> Objective:
    """Build an objective.

    Parameters
    ----------
    terms : str or mapping
        The string, or what `parse` made of it.
    learning : Learning
        What the logits mean.
    label_smoothing, class_weights : float, ndarray of shape (n_classes,)
        Of the loss of the labels.
    anchor : Anchor, optional
        What `ewc` holds on to; needed for it alone.

    Raises
    ------
    SettingsError
        If the string is wrong.
    """
    known = parse(terms, learning) if isinstance(terms, str) else terms
    loss = next((name for name in known if name in learning.losses), next(iter(learning.losses)))
    objective = learning.losses[loss](
        **known.get(loss, {}), label_smoothing=label_smoothing, class_weights=class_weights
    )
    given = {"questions": learning.questions, "anchor": anchor}
    for name, term in WRAPPERS.items():
        if name in known:
            objective = term.wrap(objective, **known[name], **{what: given[what] for what in term.takes})
    return objective


def parse(text: str | None, learning: Learning = LABELS) -> dict[str, dict[str, float]]:
    """Read the string: the terms by name, and the numbers of each by name; None is not a term.

    Raises
    ------
    SettingsError
        With a sentence for each fault.
    """
    terms, faults = _read(text, learning)
    if faults:
        raise SettingsError(faults, origin="The terms of the objective")
    return terms


def objective_faults(values: Mapping[str, Any], learning: Learning) -> list[str]:
    """Say what is wrong with the `objective` among settings and beside the others, a sentence each."""
    terms, faults = _read(values["objective"], learning)
    if not values["dropout"]:
        faults += [
            f"objective has {name}, which compares passes under different dropout, but dropout is 0; "
            "set dropout to 0.1"
            for name in terms
            if name in WRAPPERS and WRAPPERS[name].needs_dropout
        ]
    if "ewc" in terms and values["old_rows"] is None:
        faults.append(NO_OLD_ROWS)
    return faults + _misfits(terms, str(values["adaptation"]))


def _misfits(terms: Mapping[str, object], adaptation: str) -> list[str]:
    """Say which terms have nothing to work on under an adaptation."""
    kind = KINDS.get(adaptation.partition(":")[0])
    keeps = "" if kind is None else kind.keeps
    faults = [
        f"objective has {name}, which needs layers that adaptation {adaptation!r} freezes; leave it out or "
        "use adaptation 'full'"
        for name in NOT_ON_KEPT_LAYERS.get(keeps, ())
        if name in terms
    ]
    if keeps == "base weights" and "ewc" in terms:
        faults.append(
            f"objective has ewc, which regularises the base's weights, but adaptation {adaptation!r} does "
            "not train them; leave it out"
        )
    return faults


def _read(text: str | None, learning: Learning) -> tuple[dict[str, dict[str, float]], list[str]]:
    terms: dict[str, dict[str, float]] = {}
    faults: list[str] = []
    known = {name: NUMBERS_OF_LOSSES.get(name, ()) for name in learning.losses}
    known |= {
        name: term.numbers
        for name, term in WRAPPERS.items()
        if name in learning.answer.terms or learning.answer.name in term.suits
    }
    for part in [] if text is None else str(text).split("+"):
        name, *given = (piece.strip() for piece in part.split(":"))
        if name not in known:
            faults.append(f"objective has {name or 'an empty term'!r}, expected one of {', '.join(known)}")
        elif name in terms:
            faults.append(f"objective has {name} twice; name it once")
        else:
            terms[name], wrong = _numbers(name, known[name], given)
            faults += wrong
    faults += _clashes(terms, [name for name in terms if name in learning.losses])
    return terms, faults


def _numbers(name: str, expected: tuple[Number, ...], given: list[str]) -> tuple[dict[str, float], list[str]]:
    numbers = {number.name: number.default for number in expected}
    faults = []
    if len(given) > len(expected):
        takes = ", then ".join(number.name for number in expected) or "no number"
        faults.append(f"objective gives {name} {len(given)} numbers; it takes {takes}")
    for number, value in zip(expected, given, strict=False):
        try:
            numbers[number.name] = float(value)
            wrong = number.fault(numbers[number.name])
        except ValueError:
            wrong = f"{number.name} is {value!r}, expected a number"
        if wrong:
            faults.append(f"objective has {name} whose {wrong}")
    return numbers, faults


def _clashes(terms: Mapping[str, object], losses: Sequence[str]) -> list[str]:
    faults = []
    if len(losses) > 1:
        faults.append(f"objective has {' and '.join(losses)}, both losses of the answers; keep one of them")
    if "fgm" in terms and "pgd" in terms:
        faults.append(
            "objective has fgm and pgd, which are the same method with one step and with several; keep one of them"
        )
    if "mixup" in terms:
        faults += [
            f"objective has mixup and {name}, which needs rows that are not mixed; keep one of them"
            for name in NOT_BESIDE_MIXUP
            if name in terms
        ]
    return faults


# Of a probability that is 0 the logarithm has no end.
SMALLEST_SHARE = 1e-6


def with_soft(
    rows: TokenisedRows, soft: np.ndarray, *, objective: str | None, learning: Learning = LABELS
) -> TokenisedRows:
    """Give rows that are learned by soft labels: as a teacher's where the objective distils, else in the labels' place."""
    if "distillation" not in parse(objective, learning):
        return replace(rows, truth=soft)
    return TaughtRows(
        rows.ids, rows.truth, rows.pad_id, np.log(np.maximum(soft, SMALLEST_SHARE)), shares=rows.shares
    )
