"""Many labels by the traditional pipeline: TF-IDF vectors, a linear model a label, a threshold a label."""

from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted

from metier.classical.linear_choice import affordable_candidates
from metier.classical.linear_model import MODELS, LinearModel
from metier.classical.one_vs_rest import LabelSplit, LabelTrial, choose_for_labels, train_each
from metier.classical.tfidf_linear import MOST_NUMBERS, MOST_WEIGHTS, SAMPLED_ROWS, as_matrix
from metier.classical.tfidf_vocabulary import count_ngrams, learn_vectors
from metier.errors import SettingsError
from metier.predictors.label_sets import LabelRule
from metier.predictors.linear import LinearPredictor
from metier.predictors.many_labels_linear import ManyLabelsLinearPredictor
from metier.predictors.tfidf import TfidfVectors
from metier.progress import Listener, ignore
from metier.tasks.label_sets import LabelSets, check_label_sets
from metier.text.given_texts import as_texts


class ManyLabelsLinear(BaseEstimator):
    """Word and character n-grams weighted by TF-IDF, then a linear model a label [1]_.

    Trains in seconds and answers in a tenth of a millisecond. Margins become probabilities by a sigmoid a label, and
    a label is answered from the probability on that gave the best F1 on rows the model has not seen; rare labels
    borrow both from all labels together, see `evaluation.sigmoids` and `evaluation.thresholds`.

    Parameters
    ----------
    model : {"svc", "logistic"}, default=None
        Linear support vector machine or logistic regression; None: whichever has the higher micro-F1 on validation.
    C : float, default=None
        Inverse strength of the penalty; None: chosen with the model.
    rule : mapping of str to [slope, offset, threshold], default=None
        Of the sigmoid of each label, and from which probability on it is answered; None: fitted on validation.
    most_ngrams : int, default=250,000
        Size of the vocabulary; less where there are many labels, so that the weights stay under 160 MB.
    random_state : int, default=0

    Attributes
    ----------
    classes_ : ndarray of shape (n_labels,)
        Labels, in the order of the columns of `predict_proba`.
    chosen_params_ : dict
        `model`, `C` and `rule`: what to set so that another fit needs no validation.
    trials_ : list of dict
        Every pair of model and C that was tried, with its micro-F1.
    facts_ : dict
        Rows that were trained on.

    References
    ----------
    .. [1] Tsoumakas and Katakis, "Multi-label classification: an overview", 2007 (binary relevance).
    """

    name = "many_labels_linear.v1"

    def __init__(
        self,
        *,
        model: str | None = None,
        C: float | None = None,
        rule: dict[str, list[float]] | None = None,
        most_ngrams: int = 250_000,
        random_state: int = 0,
    ):
        self.model = model
        self.C = C
        self.rule = rule
        self.most_ngrams = most_ngrams
        self.random_state = random_state

    def __sklearn_tags__(self) -> Tags:
        """Tell scikit-learn that `X` is a list of texts, and `y` sets of labels."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.target_tags.multi_output = True
        return tags

    def fit(
        self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Learn from texts and their labels, one list a text, which may be empty.

        Without `validation`, a tenth of the rows (of fewer than 1,000 rows: each fifth in turn) is held out to
        choose on; the chosen models are then trained on all rows.
        """
        self._check_settings()
        random = check_random_state(self.random_state)
        examples = check_label_sets(X, y)
        unseen = None if validation is None else check_label_sets(*validation, labels=examples.labels)
        examples = _affordable(examples, random)
        vectors = self._learn_vectors(examples)
        matrix = as_matrix(vectors, examples.texts)
        seed = int(random.randint(2**31 - 1))
        candidates = affordable_candidates(
            model=self.model, C=self.C, numbers=matrix.nnz, n_classes=len(examples.labels)
        )
        trials: list[LabelTrial] = []
        if len(candidates) > 1 or self.rule is None:
            away = [] if unseen is None else [(as_matrix(vectors, unseen.texts), unseen.truth)]
            splits = [LabelSplit(matrix, examples.truth, *rows) for rows in away]
            splits = splits or self._splits(examples, random)
            if splits:  # There are none where every row has a label of its own.
                trials = choose_for_labels(
                    splits,
                    candidates,
                    labels=examples.labels,
                    parents=examples.parents,
                    seed=seed,
                    listener=listener,
                    name=self.name,
                )
        model, C = (trials[0].model, trials[0].C) if trials else candidates[0]
        # With validation rows given, the best trial was trained on all of X already.
        linear = trials[0].trained if trials and unseen is not None else None
        linear = linear or train_each(matrix, examples.truth, model=model, C=C, seed=seed)
        fitted = trials[0].rule if trials else None
        rule = (
            fitted if self.rule is None and fitted else LabelRule.from_chosen(self.rule or {}, examples.labels)
        )
        self._keep(examples, vectors, linear, rule)
        self.trials_ = [trial.facts for trial in trials]
        self.chosen_params_: dict[str, Any] = {"model": model, "C": C, "rule": rule.chosen}
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Give the calibrated probability of each label by itself.

        Returns
        -------
        ndarray of float64 of shape (n_texts, n_labels)
            No label is likelier than the one it stands under.

        Raises
        ------
        NotFittedError
            If called before `fit`.
        """
        check_is_fitted(self)
        return self.predictor_.probabilities(as_texts(X))

    def predict(self, X: Any) -> list[list[str]]:
        """Give the labels of each text, sorted; an empty list is the answer "none"."""
        check_is_fitted(self)
        return self.predictor_.predict(as_texts(X)).predicted

    def export(self, folder: Path) -> None:
        """Leave the files that `predictors.many_labels_linear` answers from."""
        check_is_fitted(self)
        self.predictor_.save(folder)

    def _keep(self, examples: LabelSets, vectors: TfidfVectors, linear: LinearModel, rule: LabelRule) -> None:
        self.classes_ = np.array(examples.labels)
        self.facts_: dict[str, Any] = {"n_rows_used": len(examples), "n_labels": len(examples.labels)}
        self.predictor_ = ManyLabelsLinearPredictor(
            LinearPredictor(
                vectors=vectors,
                weights=linear.weights,
                bias=linear.bias,
                temperature=1.0,
                labels=examples.labels,
                name=self.name,
            ),
            rule,
        )

    def _check_settings(self) -> None:
        faults = []
        if self.model is not None and self.model not in MODELS:
            faults.append(f"model is {self.model!r}, expected None or one of {', '.join(MODELS)}")
        if self.C is not None and not self.C > 0:
            faults.append(f"C is {self.C!r}, expected None or a number above 0")
        if self.most_ngrams < 1:
            faults.append(f"most_ngrams is {self.most_ngrams!r}, expected a number above 0")
        if faults:
            raise SettingsError(faults, origin=f"The settings of {self.name}")

    def _learn_vectors(self, examples: LabelSets) -> TfidfVectors:
        most = min(self.most_ngrams, MOST_WEIGHTS // len(examples.labels))
        return learn_vectors(examples.texts, most_ngrams=most)

    def _splits(self, examples: LabelSets, random: np.random.RandomState) -> list[LabelSplit]:
        """Hold rows out, each time with a vocabulary that has not seen them: so it will be in service."""
        splits = []
        for known, unseen in examples.held_out(random):
            vectors = self._learn_vectors(known)
            matrices = as_matrix(vectors, known.texts), as_matrix(vectors, unseen.texts)
            splits.append(LabelSplit(matrices[0], known.truth, matrices[1], unseen.truth))
        return splits


def _affordable(examples: LabelSets, random: np.random.RandomState) -> LabelSets:
    """Give the examples, or as large a random sample of them as their n-grams fit in memory."""
    sample = examples.take(random.permutation(len(examples))[:SAMPLED_ROWS])
    per_row = max(1.0, float(np.mean([count_ngrams(text) for text in sample.texts])))
    most = int(MOST_NUMBERS / per_row)
    if most >= len(examples):
        return examples
    return examples.take(np.sort(random.permutation(len(examples))[:most]))
