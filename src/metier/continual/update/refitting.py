"""The bundle's own method, fitted again to old and new rows: `refit.v1`.

Heads on frozen vectors learn without old rows, but of TF-IDF these vectors are a sketch, and a sketch alone costs points.
Where the old rows are at hand nothing need be lost: the method that the bundle was trained with is fitted to all rows, with
what was chosen for it and a vocabulary that knows the words of the new rows. Its temperature is fitted on validation rows
that the first of two fits has not learned; the second has learned all.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from metier import catalogue
from metier.bundles import Bundle
from metier.continual.update.choosing import AUTO, REFIT
from metier.continual.update.feature_source import FeatureSource, feature_source_of
from metier.continual.update.methods.method import Lesson
from metier.continual.update.methods.table import METHODS
from metier.continual.update.preparation import Prepared, old_rows_left
from metier.continual.update.update_rows import LabelledTexts
from metier.errors import CallError, quoted
from metier.predictors.loading import Predictor, load_predictor, read_settings
from metier.progress import Listener, Progress
from metier.tasks.answers.label import LabelDecoder

CALIBRATED = tuple(LabelDecoder(()).chosen)
FEWEST_HELD = 20  # Validation rows; of fewer the method holds out some itself.


@dataclass(frozen=True)
class Refitted:
    """A method that was fitted again.

    Parameters
    ----------
    folder : Path
        Files of its predictor.
    predictor : Predictor
    accuracy : float or None
        The mean of the accuracies on old and new validation rows, of a fit that has not learned them; None: too few.
    held : (probabilities, truth) or None
        What that fit answered to validation rows, in the order of the labels.
    rows : LabelledTexts
        All that were learned.
    """

    folder: Path
    predictor: Predictor
    accuracy: float | None
    held: tuple[np.ndarray, np.ndarray] | None
    rows: LabelledTexts

    def write(self, folder: Path) -> None:
        """Write the files of a predictor."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)

    def probabilities(self, rows: LabelledTexts) -> np.ndarray:
        """Give the probability of each label of each text."""
        if not len(rows):
            return np.zeros((0, len(self.predictor.labels)))
        found: Any = self.predictor.predict(list(rows.texts))
        return np.asarray(found.probabilities)

    def answers(self, rows: LabelledTexts) -> tuple[str, ...]:
        """Give the label of each text."""
        return tuple(self.predictor.labels[one] for one in self.probabilities(rows).argmax(axis=1))

    def taught(
        self, names: Sequence[str], labels: Sequence[str], listener: Listener
    ) -> Mapping[str, Mapping[str, np.ndarray]]:
        """Let methods that need no old rows learn all rows on the new vectors, so that a later update goes on with them."""
        source = feature_source_of(self.folder)
        places = {label: place for place, label in enumerate(labels)}
        y = np.array([places[label] for label in self.rows.labels], dtype=np.int64)
        lesson = Lesson(source.vectors(self.rows.texts, listener=listener), y)
        return {name: METHODS[name]().fit(lesson, n_labels=len(labels)).arrays for name in names}


def is_refitted(prepared: Prepared, source: FeatureSource) -> bool:
    """Whether the bundle's method is fitted again: where that is asked for, or vectors are a sketch and old rows there.

    Raises
    ------
    CallError
        If it is asked for and cannot be.
    """
    asked = prepared.options.method
    if asked not in (AUTO, REFIT):
        return False
    lack = _lacks(prepared.bundle, prepared)
    if asked == REFIT and lack is not None:
        raise CallError(f"{REFIT} lacks something here: {lack}.")
    return lack is None and (asked == REFIT or (source.is_sketch and not prepared.n_missing))


def _lacks(bundle: Bundle, prepared: Prepared) -> str | None:
    if bundle.manifest.method not in catalogue.METHODS or read_settings(bundle.folder).get("members"):
        return "a bundle of one method that metier train has fitted"
    return None if len(prepared.old.train) else "old rows (--old)"


def refit(prepared: Prepared, work: Path, listener: Listener) -> Refitted:
    """Fit the bundle's method to old and new rows; its files are left in a folder of `work`.

    Raises
    ------
    CallError
        If a label has no rows.
    """
    olds = [old_rows_left(prepared, part) for part in (prepared.old.train, prepared.old.validation)]
    trial = LabelledTexts.joined(olds[0], prepared.learned)
    whole = LabelledTexts.joined(*olds, prepared.learned, prepared.choosing)
    _check_labels(prepared, whole)
    known = set(trial.labels)
    held = [_of_labels(part, known) for part in (olds[1], prepared.choosing)]
    listener(Progress("fitting the model again", 0, 2))
    tried = _tried(prepared, trial, LabelledTexts.joined(*held), listener)
    listener(Progress("fitting the model again", 1, 2))
    params = {} if tried is None else tried.chosen_params_
    fitted = _method(prepared, params).fit(list(whole.texts), list(whole.labels), listener=listener)
    folder = work / REFIT
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    fitted.export(folder)
    predictor = load_predictor(folder)
    accuracy, answered = (None, None) if tried is None else _judged(tried, held, predictor.labels)
    return Refitted(folder, predictor, accuracy, answered, whole)


def _of_labels(rows: LabelledTexts, labels: set[str]) -> LabelledTexts:
    return rows.take(place for place, label in enumerate(rows.labels) if label in labels)


def _check_labels(prepared: Prepared, rows: LabelledTexts) -> None:
    missing = sorted(set(prepared.table.names) - set(rows.labels))
    if missing:
        raise CallError(
            f"The label {quoted(missing[0])} has no rows among the old and new ones, and would be forgotten. Give all that "
            "the bundle has learned with --old, or take another --method."
        )


def _method(prepared: Prepared, params: Mapping[str, Any]) -> Any:
    """Build the bundle's method with what was chosen for it, where it takes that."""
    facts = prepared.bundle.manifest
    method = catalogue.resolve(facts.method)()
    kept = {name: value for name, value in facts.method_params.items() if name not in CALIBRATED}
    given = {"random_state": prepared.options.random_state, **kept, **params}
    known = method.get_params()
    return method.set_params(**{name: value for name, value in given.items() if name in known})


def _tried(prepared: Prepared, rows: LabelledTexts, held: LabelledTexts, listener: Listener) -> Any:
    """Fit to rows that leave the validation rows out; None: these are too few."""
    if len(held) < FEWEST_HELD:
        return None
    given = list(held.texts), list(held.labels)
    return _method(prepared, {}).fit(list(rows.texts), list(rows.labels), validation=given, listener=listener)


def _judged(
    method: Any, held: Sequence[LabelledTexts], labels: Sequence[str]
) -> tuple[float | None, tuple[np.ndarray, np.ndarray]]:
    """Give the accuracy of a fit on old and new validation rows, and its probabilities in the order of the labels."""
    own = [str(one) for one in method.classes_]
    found = [method.predict_proba(list(part.texts)) for part in held if len(part)]
    truth = [np.array([own.index(label) for label in part.labels]) for part in held if len(part)]
    right = [float((one.argmax(axis=1) == y).mean()) for one, y in zip(found, truth, strict=True)]
    places = [labels.index(name) for name in own]
    probabilities = np.zeros((sum(map(len, truth)), len(labels)))
    probabilities[:, places] = np.vstack(found)
    return float(np.mean(right)), (probabilities, np.array(places)[np.concatenate(truth)])
