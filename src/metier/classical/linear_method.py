"""Every linear method: features, a learner of weights, an answer kind, and settings chosen on rows not trained on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from sklearn.utils import check_random_state
from threadpoolctl import threadpool_limits

from metier.classical.learned_features import Counted, FeatureLearner, Fold, n_numbers
from metier.classical.learners import Learner, LinearModel, Setting, TrainingRows
from metier.data.weak_labels import expand_soft_labels
from metier.predictors.linear.linear_predictor import LinearPredictor, kind_of
from metier.progress import Listener, Progress
from metier.tasks.answers import Decodable, Decoder
from metier.tasks.examples import Examples

Figures = Mapping[str, float]


def by_score(figures: Figures) -> tuple[float, ...]:
    """Compare settings by what the answer kind compares by."""
    return (figures["score"],)


def by_accuracy(figures: Figures) -> tuple[float, ...]:
    """Compare settings by accuracy, and where it ties by log-loss."""
    return figures["accuracy"], -figures["log_loss"]


@dataclass(frozen=True)
class Trial:
    """How a setting did on the held-out rows of all folds together.

    Parameters
    ----------
    setting : mapping
        Arguments of the learner.
    figures : mapping of str to float
        As the answer kind scores logits.
    logits : ndarray of shape (n_held_rows, n_logits)
    trained : LinearModel
        Of the last fold.
    """

    setting: Setting
    figures: Figures
    logits: np.ndarray
    trained: LinearModel

    @property
    def facts(self) -> dict[str, Any]:
        """What is worth keeping: all but the arrays."""
        return {**self.setting, **self.figures}


@dataclass(frozen=True)
class LinearFit:
    """What a fit leaves.

    Parameters
    ----------
    predictor : LinearPredictor
    examples : Examples
        The rows that were trained on.
    chosen : dict
        What to set so that another fit needs no validation.
    trials : list of Trial
        What was tried, the best first; empty where all was set.
    n_held_rows : int
        Rows that the choice was made on.
    """

    predictor: LinearPredictor
    examples: Examples
    chosen: dict[str, Any]
    trials: list[Trial]
    n_held_rows: int


@dataclass(frozen=True)
class LinearMethod:
    """Features, a learner and an answer kind, put together.

    Parameters
    ----------
    features : FeatureLearner
    learner : Learner
    answer : Decodable
    given : mapping
        Choices of the decoder that are set; None among them is to be chosen.
    ranks : callable
        From the figures of a trial to what trials are compared by; more is better.
    """

    features: FeatureLearner
    learner: Learner
    answer: Decodable
    given: Mapping[str, Any] = field(default_factory=dict)
    ranks: Callable[[Figures], tuple[float, ...]] = by_score

    def fit(
        self,
        examples: Examples,
        validation: Examples | None,
        *,
        random_state: Any,
        listener: Listener,
        name: str,
        soft: Any = None,
    ) -> LinearFit:
        """Learn from checked rows.

        Parameters
        ----------
        validation : Examples or None
            What settings are chosen on; None: parts of the examples, after which all of them are learned from.
        soft : array of shape (n_rows, n_labels), optional
            Probabilities of the labels; settings are chosen by the labels, and the model is then trained on every row
            under each of its labels, as much as it is probable.
        """
        # More threads wait for one another, and sums would depend on their number.
        with threadpool_limits(1, user_api="blas"):
            return self._fit(
                examples, validation, random_state=random_state, listener=listener, name=name, soft=soft
            )

    def _fit(
        self,
        examples: Examples,
        validation: Examples | None,
        *,
        random_state: Any,
        listener: Listener,
        name: str,
        soft: Any,
    ) -> LinearFit:
        random = check_random_state(random_state)
        if soft is None:  # Of soft labels all rows are taken: a sample would have to be drawn of both.
            examples = self.features.sample(examples, random)
        else:
            soft = self.answer.check_soft(soft, examples)
            if not self.answer.is_one_label:  # A number of a teacher is as good a target as one of the rows.
                examples, soft = replace(examples, truth=soft), None
        seed = int(random.randint(2**31 - 1)) if self.learner.is_random else 0
        rows = _Rows(self, examples, validation, random, seed=seed, name=name, listener=listener)
        settings = self.learner.settings(n_numbers=n_numbers(rows.counted.matrix), n_logits=rows.n_logits)
        trials = self._tried(rows, settings)
        decoder = self._decoder(rows, trials)
        setting = trials[0].setting if trials else settings[0]
        model = rows.train_softly(setting, soft) if soft is not None else rows.train(setting, trials)
        kind = kind_of(rows.counted.features, self.answer)
        predictor = LinearPredictor(
            rows.counted.features, model.weights, model.bias, decoder, kind=kind, name=name
        )
        chosen = {**setting, **decoder.chosen}
        return LinearFit(predictor, examples, chosen, trials, len(rows.held) if trials else 0)

    def _tried(self, rows: "_Rows", settings: Sequence[Setting]) -> list[Trial]:
        """Try settings, and give what came of each, the best first; nothing where nothing is to be chosen."""
        is_settled = len(settings) == 1 and None not in (self.given.get(key) for key in self.answer.chooses)
        if is_settled or not len(rows.held):  # None is held out where every label has one row.
            return []
        splits = rows.splits()
        trials = []
        for number, setting in enumerate(settings):
            what = f"{rows.name}: trying {_in_words(setting)}"
            rows.listener(Progress(what, number, len(settings), unit="settings"))
            trials.append(rows.try_one(setting, splits))
        trials.sort(key=lambda trial: self.ranks(trial.figures), reverse=True)
        # Parts of the training rows are not the validation rows that candidates are compared on.
        held = "validation" if rows.validation is not None else "inner_validation"
        facts = {f"{held}_{key}": value for key, value in trials[0].figures.items()}
        done = Progress(f"{rows.name}: best setting", len(trials), len(settings), unit="tried", facts=facts)
        rows.listener(done)
        return trials

    def _decoder(self, rows: "_Rows", trials: Sequence[Trial]) -> Decoder:
        if not trials:
            return self.answer.decoder(rows.examples, **self.given)
        return self.answer.fit_decoder(trials[0].logits, rows.held, **self.given)


class _Rows:
    """The rows of one fit, counted, and how they are trained on."""

    def __init__(
        self,
        method: LinearMethod,
        examples: Examples,
        validation: Examples | None,
        random: np.random.RandomState,
        *,
        seed: int,
        name: str,
        listener: Listener,
    ):
        self.method, self.examples, self.validation = method, examples, validation
        self.seed, self.name, self.listener = seed, name, listener
        self.n_logits = method.answer.n_logits(examples)
        features = method.features
        self.folds: list[Fold] = features.folds(examples, method.answer, random)
        self._found = features.read(examples.items, name=name, listener=listener)
        self.counted: Counted = features.count(self._found, self.folds, n_logits=self.n_logits)
        held = np.concatenate([held for _, held in self.folds]) if self.folds else np.empty(0, dtype=np.int64)
        self.held = examples.take(held) if validation is None else validation

    def splits(self) -> list[tuple[Any, np.ndarray, Any]]:
        """Give what is trained on, its truth, and what is judged by, a triple for each fold."""
        features, truth = self.method.features, self.examples.truth
        if self.validation is not None:
            found = features.read(self.validation.items, name=self.name, listener=self.listener)
            return [(self.counted.matrix, truth, features.matrix(self.counted.features, found))]
        parts = features.splits(self.counted, self._found, self.folds, n_logits=self.n_logits)
        return [(known, truth[kept], held) for (known, held), (kept, _) in zip(parts, self.folds, strict=True)]

    def try_one(self, setting: Setting, splits: Sequence[tuple[Any, np.ndarray, Any]]) -> Trial:
        """Train on each split, and score the logits of all held-out rows together."""
        logits = []
        for known, truth, held in splits:
            trained = self._train(known, truth, setting)
            logits.append(trained.logits(held))
        pooled = np.concatenate(logits)
        return Trial(setting, self.method.answer.score(pooled, self.held), pooled, trained)

    def train(self, setting: Setting, trials: Sequence[Trial]) -> LinearModel:
        """Train on all rows; with validation rows given the best trial has done so already."""
        if trials and self.validation is not None:
            return trials[0].trained
        return self._train(self.counted.matrix, self.examples.truth, setting)

    def train_softly(self, setting: Setting, shares: np.ndarray) -> LinearModel:
        """Train on every row under each of its labels, as much as it is probable."""
        rows = expand_soft_labels(shares)
        return self._train(self.counted.matrix[rows.positions], rows.labels, setting, weights=rows.weights)

    def _train(
        self, matrix: Any, truth: np.ndarray, setting: Setting, *, weights: np.ndarray | None = None
    ) -> LinearModel:
        rows = TrainingRows(matrix, truth, self.n_logits, seed=self.seed, weights=weights)
        return self.method.learner.train(rows, setting)


def _in_words(setting: Setting) -> str:
    """Give a setting for people: svc, C = 1."""
    return ", ".join(
        value if isinstance(value, str) else f"{key} = {value:g}" for key, value in setting.items()
    )
