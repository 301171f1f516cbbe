"""The traditional pipeline: words and characters weighted by TF-IDF, then a linear model."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from metier.classical.linear_choice import Split, Trial, affordable_candidates, choose, settle, tfidf_splits
from metier.classical.linear_model import MODELS, train_linear
from metier.classical.tfidf_rows import as_matrix, learn_affordable, ngrams_a_row
from metier.data.weak_labels import expand_soft_labels
from metier.predictors.linear.linear import LinearPredictor
from metier.progress import Listener, ignore
from metier.tasks.estimators import Classifier
from metier.tasks.examples import Examples, check_examples
from metier.tasks.folds import held_out, stratified_sample
from metier.tasks.method_contract import Capabilities, CostRank
from metier.tasks.setting_ranges import check_ranges
from metier.tasks.soft_labels import check_soft

MOST_NUMBERS = 40_000_000  # In the matrix: about 1.2 GB with the copy that liblinear makes.


class TfidfLinear(Classifier):
    """Word and character n-grams weighted by TF-IDF [1]_, then a linear model: the baseline to beat.

    Trains in seconds, answers in a tenth of a millisecond, reads English and Chinese. With some hundred rows
    a label it is hard to beat by much; with ten, prefer `FrozenLinear`, which knows words it has never seen
    labelled. Margins become probabilities by a softmax with one temperature [2]_, fitted on rows the model
    has not seen.

    Parameters
    ----------
    model : {"svc", "logistic"}, default=None
        Linear support vector machine (one against the rest, squared hinge) or logistic regression; None:
        whichever is better on validation, by accuracy and then by log-loss.
    C : float, default=None
        Inverse strength of the penalty; None: chosen with the model. The more rows, labels and n-grams there
        are, the fewer pairs of model and C are tried; from about 12,000 short texts of 77 labels on it is one
        pair, the usual winner.
    temperature : float, default=None
        What margins are divided by before the softmax; None: fitted on validation.
    most_ngrams : int, default=250,000
        Size of the vocabulary; less where there are many labels, so that the weights stay under 160 MB.
    random_state : int, default=0

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, in the order of the columns of `predict_proba`.
    chosen_params_ : dict
        `model`, `C` and `temperature`: what to set so that another fit needs no validation.
    trials_ : list of dict
        Every pair of model and C that was tried: `model`, `C`, `temperature`, `accuracy`, `log_loss`.
    n_rows_used_ : int
        Rows that were trained on. Fewer than were given only where their n-grams would not fit in about 1.2 GB;
        then a sample in equal shares of every label is used.

    References
    ----------
    .. [1] Salton and Buckley, "Term-weighting approaches in automatic text retrieval", 1988.
    .. [2] Guo et al., "On calibration of modern neural networks", 2017, arXiv:1706.04599.
    """

    name = "tfidf_linear.v1"
    capabilities: ClassVar[Capabilities] = Capabilities(cost=CostRank.CLASSICAL, takes_soft_labels=True)

    def __init__(
        self,
        *,
        model: str | None = None,
        C: float | None = None,
        temperature: float | None = None,
        most_ngrams: int = 250_000,
        random_state: int = 0,
    ):
        self.model = model
        self.C = C
        self.temperature = temperature
        self.most_ngrams = most_ngrams
        self.random_state = random_state

    def fit(
        self,
        X: Any,
        y: Any,
        *,
        validation: tuple[Any, Any] | None = None,
        soft: Any = None,
        listener: Listener = ignore,
    ) -> Self:
        """Learn from texts and their labels, one label a text.

        Without `validation`, a tenth of the rows (of fewer than 1,000 rows: each fifth in turn) is held out
        to choose on; the chosen model is then trained on all rows.

        Parameters
        ----------
        soft : array of shape (n_texts, n_classes), optional
            Probabilities of the labels of `y`, sorted, for each text: what labelling rules say. Model and C are chosen
            by `y`; the model is then trained on every text under each of its labels, as much as it is probable.
        """
        check_ranges(self, choices={"model": MODELS}, above_zero=("C", "temperature"), counts=("most_ngrams",))
        random = check_random_state(self.random_state)
        examples = check_examples(X, y)
        unseen = None if validation is None else check_examples(*validation, classes=examples.classes)
        shares = None if soft is None else check_soft(soft, n_rows=len(examples), classes=examples.classes)
        # Of soft labels all rows are taken: a sample would have to be drawn of both.
        examples = examples if shares is not None else _affordable(examples, random)
        vectors = learn_affordable(
            examples.texts, most_ngrams=self.most_ngrams, n_classes=len(examples.classes)
        )
        matrix = as_matrix(vectors, examples.texts)
        seed = int(random.randint(2**31 - 1))
        candidates = affordable_candidates(
            model=self.model, C=self.C, numbers=matrix.nnz, n_classes=len(examples.classes)
        )
        trials: list[Trial] = []
        if len(candidates) > 1 or self.temperature is None:
            away = [] if unseen is None else [(as_matrix(vectors, unseen.texts), unseen.truth)]
            splits = [Split(matrix, examples.truth, *rows) for rows in away] or self._splits(examples, random)
            if splits:  # There are none where every label has one row.
                trials = choose(
                    splits,
                    candidates,
                    temperature=self.temperature,
                    seed=seed,
                    listener=listener,
                    name=self.name,
                )
        model, C, temperature = settle(trials, candidates, self.temperature)
        # With validation rows given, the best trial was trained on all of X already.
        linear = trials[0].trained if trials and unseen is not None else None
        if shares is not None:
            rows = expand_soft_labels(shares)
            linear = train_linear(
                matrix[rows.positions], rows.labels, model=model, C=C, seed=seed, weights=rows.weights
            )
        linear = linear or train_linear(matrix, examples.truth, model=model, C=C, seed=seed)

        self.classes_ = examples.classes
        self.n_rows_used_ = len(examples)
        self.trials_ = [trial.facts for trial in trials]
        self.chosen_params_ = {"model": model, "C": C, "temperature": temperature}
        self.predictor_ = LinearPredictor(
            vectors=vectors,
            weights=linear.weights,
            bias=linear.bias,
            temperature=temperature,
            labels=[str(label) for label in self.classes_],
            name=self.name,
        )
        return self

    def export(self, folder: Path) -> None:
        """Leave the files that `predictors.linear.linear` answers from."""
        check_is_fitted(self)
        self.predictor_.save(folder)

    def _probabilities(self, texts: Sequence[str]) -> np.ndarray:
        return self.predictor_.probabilities(texts)

    def _splits(self, examples: Examples, random: np.random.RandomState) -> list[Split]:
        return tfidf_splits(examples, held_out(examples.truth, random=random), most_ngrams=self.most_ngrams)


def _affordable(examples: Examples, random: np.random.RandomState) -> Examples:
    """Give the examples, or as large a sample of them, stratified by label, as their n-grams fit in memory."""
    fraction = MOST_NUMBERS / (len(examples) * ngrams_a_row(examples.texts, random))
    if fraction >= 1:
        return examples
    return examples.take(stratified_sample(examples.truth, fraction=fraction, random=random))
