"""Relations by the words between and around two entities, then a linear model."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from metier.classical.linear_choice import Split, Trial, affordable_candidates, choose, settle
from metier.classical.linear_model import MODELS, train_linear
from metier.classical.tfidf_rows import MOST_WEIGHTS
from metier.predictors.linear.relation_linear import RelationLinearPredictor, RelationVectors, read_features
from metier.progress import Listener, Progress, ignore
from metier.tasks.entity_pairs import as_entity_pairs
from metier.tasks.estimators import Classifier
from metier.tasks.folds import held_out
from metier.tasks.method_contract import Capabilities, CostRank
from metier.tasks.relation import check_entity_pairs
from metier.tasks.setting_ranges import check_ranges


class RelationLinear(Classifier):
    """Words between, before, after and inside two entities, their order, distance and types, then a linear model.

    Trains in seconds, answers in a tenth of a millisecond, reads English and Chinese (there characters as well as
    words). On SemEval-2010 task 8 it is some points below an encoder that sees the entities marked; below a thousand
    rows the two are closer. `RelationSyntax` adds the parse of English sentences.

    Parameters
    ----------
    model : {"svc", "logistic"}, default=None
        None: whichever is better on validation, by accuracy and then by log-loss.
    C : float, default=None
        Inverse strength of the penalty; None: chosen with the model.
    temperature : float, default=None
        What margins are divided by before the softmax; None: fitted on validation.
    most_features : int, default=250,000
        The features that stand in the most rows are kept; fewer where there are many labels, so that the weights
        stay under 160 MB.
    random_state : int, default=0

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, in the order of the columns of `predict_proba`.
    chosen_params_ : dict
        `model`, `C` and `temperature`: what to set so that another fit needs no validation.
    trials_ : list of dict
        Every pair of model and C that was tried.
    facts_ : dict
        How many features were kept, and what answering needs.
    """

    name = "relation_linear.v1"
    capabilities: ClassVar[Capabilities] = Capabilities()
    syntax: ClassVar[bool] = False

    def __init__(
        self,
        *,
        model: str | None = None,
        C: float | None = None,
        temperature: float | None = None,
        most_features: int = 250_000,
        random_state: int = 0,
    ):
        self.model = model
        self.C = C
        self.temperature = temperature
        self.most_features = most_features
        self.random_state = random_state

    def fit(
        self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Learn from texts with two entities, and the label of each.

        Without `validation`, a tenth of the rows (of fewer than 1,000 rows: each fifth in turn) is held out
        to choose on; the chosen model is then trained on all rows.

        Raises
        ------
        EntityError
            If entities are not where their offsets say.
        """
        check_ranges(
            self, choices={"model": MODELS}, above_zero=("C", "temperature"), counts=("most_features",)
        )
        random = check_random_state(self.random_state)
        examples = check_entity_pairs(X, y)
        unseen = None if validation is None else check_entity_pairs(*validation, classes=examples.classes)
        # Read once: a parse of every sentence is the dearest step, and folds share it.
        features = self._features(examples.texts, listener)
        away = None if unseen is None else (self._features(unseen.texts, listener), unseen.truth)
        vectors, matrix = self._learn(features, len(examples.classes))
        seed = int(random.randint(2**31 - 1))
        splits: list[Split] = []
        if away is not None:
            splits = [Split(matrix, examples.truth, as_matrix(vectors, away[0]), away[1])]
        elif None in (self.model, self.C, self.temperature):
            splits = self._splits(features, examples.truth, random)
        (model, C, temperature), trials = self._choose(splits, matrix, len(examples.classes), seed, listener)
        # With validation rows given, the best trial was trained on all of X already.
        linear = trials[0].trained if trials and away is not None else None
        linear = linear or train_linear(matrix, examples.truth, model=model, C=C, seed=seed)

        self.classes_ = examples.classes
        self.trials_ = [trial.facts for trial in trials]
        self.chosen_params_ = {"model": model, "C": C, "temperature": temperature}
        self.facts_ = {"features": len(vectors.vocabulary), "syntax": self.syntax}
        self.predictor_ = RelationLinearPredictor(
            vectors=vectors,
            weights=linear.weights,
            bias=linear.bias,
            temperature=temperature,
            labels=[str(label) for label in self.classes_],
            name=self.name,
            syntax=self.syntax,
        )
        return self

    def export(self, folder: Path) -> None:
        """Leave the files that `predictors.linear.relation_linear` answers from."""
        check_is_fitted(self)
        self.predictor_.save(folder)

    def _read(self, X: Any) -> Sequence[Any]:
        return as_entity_pairs(X)

    def _probabilities(self, items: Sequence[Any]) -> np.ndarray:
        return self.predictor_.probabilities(items)

    def _features(self, items: Sequence[Any], listener: Listener) -> list[list[str]]:
        found = []
        for done, features in enumerate(read_features(items, syntax=self.syntax)):
            if done % 500 == 0:
                listener(Progress(f"{self.name}: reading", done, len(items), unit="rows"))
            found.append(features)
        return found

    def _learn(self, features: Sequence[list[str]], n_classes: int) -> tuple[RelationVectors, csr_matrix]:
        vectors = learn_relation_vectors(features, most=min(self.most_features, MOST_WEIGHTS // n_classes))
        return vectors, as_matrix(vectors, features)

    def _choose(
        self, splits: Sequence[Split], matrix: csr_matrix, n_classes: int, seed: int, listener: Listener
    ) -> tuple[tuple[str, float, float], list[Trial]]:
        """Give model, C and temperature, and what was tried to find them: nothing where all are set."""
        candidates = affordable_candidates(model=self.model, C=self.C, numbers=matrix.nnz, n_classes=n_classes)
        trials: list[Trial] = []
        # There are no splits where every label has one row.
        if splits and (len(candidates) > 1 or self.temperature is None):
            trials = choose(
                splits,
                candidates,
                temperature=self.temperature,
                seed=seed,
                listener=listener,
                name=self.name,
            )
        return settle(trials, candidates, self.temperature), trials

    def _splits(
        self, features: Sequence[list[str]], truth: np.ndarray, random: np.random.RandomState
    ) -> list[Split]:
        """Hold rows out, each time with a vocabulary that has not seen them: so it will be in service."""
        splits = []
        for training, away in held_out(truth, random=random):
            vectors, matrix = self._learn([features[row] for row in training], len(np.unique(truth)))
            held = as_matrix(vectors, [features[row] for row in away])
            splits.append(Split(matrix, truth[training], held, truth[away]))
        return splits


class RelationSyntax(RelationLinear):
    """`RelationLinear` with the dependency path between the entities, for English.

    On SemEval-2010 task 8 the parse gains about 2 points of the official macro-F1 and costs 2 ms a row, thirty times the
    rest, as much as a small encoder takes. Training and answering both need spaCy and its small English model
    (`metier[nlp]`); spaCy loads torch where torch is installed, and does without where it is not.
    """

    name = "relation_syntax.v1"
    capabilities: ClassVar[Capabilities] = Capabilities(cost=CostRank.CLASSICAL, baseline="relation_linear.v1")
    syntax: ClassVar[bool] = True


def learn_relation_vectors(features: Iterable[Sequence[str]], *, most: int) -> RelationVectors:
    """Learn which features are worth a column: those that stand in the most rows, the commonest first."""
    rows: Counter[str] = Counter()
    n_rows = 0
    for row in features:
        rows.update(set(row))
        n_rows += 1
    kept = sorted(rows.items(), key=lambda entry: (-entry[1], entry[0]))[:most]
    frequencies = np.array([count for _, count in kept], dtype=np.float64)
    # One more row that holds every feature once, as scikit-learn does it: no division by nothing.
    idf = np.log((1 + n_rows) / (1 + frequencies)) + 1
    return RelationVectors([feature for feature, _ in kept], idf)


def as_matrix(vectors: RelationVectors, features: Sequence[Sequence[str]]) -> csr_matrix:
    """Give the vectors of rows as a sparse matrix of shape (n_rows, n_features)."""
    rows = [vectors.vector(row) for row in features]
    ends = np.cumsum([0, *(len(columns) for columns, _ in rows)])
    columns = np.concatenate([columns for columns, _ in rows]).astype(np.int32)
    values = np.concatenate([values for _, values in rows])
    return csr_matrix((values, columns, ends), shape=(len(rows), len(vectors.vocabulary)))
