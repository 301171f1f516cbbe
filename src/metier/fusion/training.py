"""The members of an ensemble, trained on given rows, or on folds of them when there are no validation rows to fit on."""

import inspect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from sklearn.base import clone

from metier.progress import Listener
from metier.tasks.answers import LABEL
from metier.tasks.examples import Examples
from metier.tasks.folds import held_out
from metier.tasks.inputs import read_any


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


@runtime_checkable
class MadeOfMethods(Protocol):
    """A method that is made of others."""

    def parts(self) -> Sequence[Any]:
        """Give those others, unfitted."""
        ...

    def fitted_parts(self) -> Sequence[Any]:
        """Give the same in the same order, after `fit`."""
        ...


@runtime_checkable
class MakesChoices(Protocol):
    """A fitted method that states its choices, as the contract of methods has it; scikit-learn's own state none."""

    chosen_params_: dict[str, Any]


def check_rows(X: Any, y: Any, validation: tuple[Any, Any] | None) -> tuple[Examples, Examples | None]:
    """Check items of whatever kind and their labels; what they ask is checked by the members."""
    examples = LABEL.check(read_any(X), y)
    if validation is None:
        return examples, None
    items, targets = validation
    return examples, LABEL.check(read_any(items), targets, known=examples)


def train_members(
    methods: Sequence[Any],
    examples: Examples,
    *,
    held_rows: Examples | None,
    random: np.random.RandomState,
    listener: Listener,
) -> Trained:
    """Train every method, and let it answer rows it has not seen.

    With `held_rows` rows the methods learn from `examples` alone. Without, they answer held-out parts of
    `examples`, a tenth or, of few rows, each fifth in turn; then each is trained again on all of them with
    the choices it made.
    """
    if held_rows is not None:
        members = fit_methods(methods, examples, held_rows=held_rows, listener=listener)
        answers = [probabilities_of(one, held_rows.items, held_rows.labels) for one in members]
        return Trained(members, answers, held_rows.truth)
    members, parts, truths = [], [], []
    for kept, held in held_out(examples.truth, random=random):
        known, rest = examples.take(kept), examples.take(held)
        members = fit_methods(methods, known, held_rows=rest, listener=listener)
        parts.append([probabilities_of(one, rest.items, examples.labels) for one in members])
        truths.append(rest.truth)
    again = [settle(member) for member in members] or methods
    members = fit_methods(again, examples, held_rows=None, listener=listener)
    if not parts:
        return Trained(members, [], np.empty(0, dtype=np.int64))
    return Trained(members, [np.concatenate(part) for part in zip(*parts, strict=True)], np.concatenate(truths))


def probabilities_of(member: Any, items: Any, classes: Iterable[Any]) -> np.ndarray:
    """Give a fitted member's probabilities in the order of the whole's classes: grades have an order of their own."""
    found = np.asarray(member.predict_proba(items))
    if list(map(str, member.classes_)) == list(map(str, classes)):
        return found
    place = {str(label): column for column, label in enumerate(member.classes_)}
    columns: np.ndarray = found[:, [place[str(label)] for label in classes]]
    return columns


def fit_methods(
    methods: Sequence[Any], examples: Examples, *, held_rows: Examples | None, listener: Listener
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
            found = _fit_method(methods[position], examples, held_rows=held_rows, listener=listener)
        fitted[position] = found
    return [fitted[position] for position in range(len(methods))]


def _fit_method(method: Any, examples: Examples, *, held_rows: Examples | None, listener: Listener) -> Any:
    options: dict[str, Any] = {}
    takes = inspect.signature(method.fit).parameters
    if held_rows is not None and "validation" in takes:
        options["validation"] = (held_rows.items, held_rows.labels[held_rows.truth])
    if "listener" in takes:
        options["listener"] = listener
    return clone(method).fit(examples.items, examples.labels[examples.truth], **options)


def _parts(method: Any) -> Sequence[Any]:
    return method.parts() if isinstance(method, MadeOfMethods) else ()


def _find_fitted(method: Any, fitted: Iterable[Any]) -> Any | None:
    """Give the fitted counterpart of a method among the parts of fitted ensembles, at any depth."""
    for ensemble in fitted:
        if not isinstance(ensemble, MadeOfMethods):
            continue
        for part, result in zip(ensemble.parts(), ensemble.fitted_parts(), strict=True):
            if type(part) is type(method) and part.get_params() == method.get_params():
                return result
        deeper = _find_fitted(method, ensemble.fitted_parts())
        if deeper is not None:
            return deeper
    return None


def settle(fitted: Any) -> Any:
    """Give an unfitted copy of a fitted method in which every choice it made is fixed."""
    chosen = fitted.chosen_params_ if isinstance(fitted, MakesChoices) else {}
    return clone(fitted).set_params(**chosen)
