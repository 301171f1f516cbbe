"""The members of a fusion, trained: on given rows, or on folds of them when nothing was kept back to fit on."""

import inspect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone

from metier.progress import Listener
from metier.tasks.examples import Examples
from metier.tasks.folds import held_out


@dataclass(frozen=True)
class Trained:
    """Fitted members, and what they answer on rows they were not trained on.

    Parameters
    ----------
    members : list of fitted methods
    answers : list of ndarray of shape (n_rows, n_classes)
        One array a member; empty where every label has one row, so that none can be held out.
    truth : ndarray of int of shape (n_rows,)
    """

    members: list[Any]
    answers: list[np.ndarray]
    truth: np.ndarray


def train_members(
    methods: Sequence[Any],
    examples: Examples,
    *,
    unseen: Examples | None,
    random: np.random.RandomState,
    listener: Listener,
) -> Trained:
    """Train every method, and let it answer rows it has not seen.

    With `unseen` rows the methods learn from `examples` alone. Without, they answer held-out parts of
    `examples`, a tenth or, of few rows, each fifth in turn; then each is trained again on all of them with
    the choices it made.
    """
    if unseen is not None:
        members = fit_methods(methods, examples, unseen=unseen, listener=listener)
        return Trained(
            members, [probabilities_of(one, unseen.texts, unseen.classes) for one in members], unseen.truth
        )
    members, parts, truths = [], [], []
    for training, away in held_out(examples.truth, random=random):
        known, hidden = examples.take(training), examples.take(away)
        members = fit_methods(methods, known, unseen=hidden, listener=listener)
        parts.append([probabilities_of(one, hidden.texts, examples.classes) for one in members])
        truths.append(hidden.truth)
    again = [settle(member) for member in members] or methods
    members = fit_methods(again, examples, unseen=None, listener=listener)
    if not parts:
        return Trained(members, [], np.empty(0, dtype=np.int64))
    return Trained(members, [np.concatenate(part) for part in zip(*parts, strict=True)], np.concatenate(truths))


def probabilities_of(member: Any, texts: Any, classes: Iterable[Any]) -> np.ndarray:
    """Give a fitted member's probabilities in the order of the whole's classes: grades have an order of their own."""
    found = np.asarray(member.predict_proba(texts))
    if list(map(str, member.classes_)) == list(map(str, classes)):
        return found
    place = {str(label): column for column, label in enumerate(member.classes_)}
    columns: np.ndarray = found[:, [place[str(label)] for label in classes]]
    return columns


def fit_methods(
    methods: Sequence[Any], examples: Examples, *, unseen: Examples | None, listener: Listener
) -> list[Any]:
    """Train fresh copies of methods; one that also is a member of another with equal settings is trained once.

    A method is whatever keeps the contract; a scikit-learn classifier whose `fit` takes only `X` and `y` will
    do.
    """
    fitted: dict[int, Any] = {}
    # Those with members first: what they have trained need not be trained again.
    for position in sorted(range(len(methods)), key=lambda position: not _parts(methods[position])):
        found = _find_fitted(methods[position], fitted.values())
        if found is None:
            found = _fit_method(methods[position], examples, unseen=unseen, listener=listener)
        fitted[position] = found
    return [fitted[position] for position in range(len(methods))]


def _fit_method(method: Any, examples: Examples, *, unseen: Examples | None, listener: Listener) -> Any:
    options: dict[str, Any] = {}
    takes = inspect.signature(method.fit).parameters
    if unseen is not None and "validation" in takes:
        options["validation"] = (unseen.texts, unseen.classes[unseen.truth])
    if "listener" in takes:
        options["listener"] = listener
    return clone(method).fit(examples.texts, examples.classes[examples.truth], **options)


def _parts(method: Any) -> list[Any]:
    """The methods that a fusion is made of, unfitted."""
    return list(getattr(method, "members", None) or getattr(method, "stages", None) or [])


def _find_fitted(method: Any, fitted: Iterable[Any]) -> Any | None:
    """Give the fitted twin of a method among the parts of fitted fusions, at any depth."""
    for fusion in fitted:
        trained = getattr(fusion, "members_", None) or getattr(fusion, "stages_", [])
        for part, result in zip(_parts(fusion), trained, strict=True):
            if type(part) is type(method) and part.get_params() == method.get_params():
                return result
        deeper = _find_fitted(method, trained)
        if deeper is not None:
            return deeper
    return None


def settle(fitted: Any) -> Any:
    """Give an unfitted copy of a fitted method in which every choice it made is fixed."""
    return clone(fitted).set_params(**getattr(fitted, "chosen_params_", {}))
