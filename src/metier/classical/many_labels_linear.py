"""Many labels by the traditional pipeline: TF-IDF vectors, a linear model a label, a threshold a label."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from metier.classical.linear_choice import affordable_candidates
from metier.classical.linear_model import MODELS, LinearModel
from metier.classical.one_vs_rest import LabelSplit, LabelTrial, choose_for_labels, train_each
from metier.classical.tfidf_linear import MOST_NUMBERS
from metier.classical.tfidf_rows import as_matrix, known_and_unseen, learn_affordable, ngrams_a_row
from metier.features.tfidf import TfidfVectors
from metier.predictors.answers import LabelSetAnswers
from metier.predictors.label_sets import LabelRule
from metier.predictors.linear.linear import LinearPredictor
from metier.predictors.linear.many_labels_linear import ManyLabelsLinearPredictor
from metier.progress import Listener, ignore
from metier.tasks.estimators import LabelSetMethod
from metier.tasks.label_sets import LabelSets, check_label_sets
from metier.tasks.method_contract import Capabilities
from metier.tasks.setting_ranges import check_ranges


class ManyLabelsLinear(LabelSetMethod):
    """Word and character n-grams weighted by TF-IDF, then a linear model a label [1]_.

    Trains in seconds and answers in a tenth of a millisecond. Margins become probabilities by a sigmoid a label, and
    a label is answered from the probability on that gave the best F1 on rows the model has not seen; rare labels
    borrow both from all labels together, see `evaluation.sigmoids` and `tasks.label_thresholds`.

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
    capabilities: ClassVar[Capabilities] = Capabilities()

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

    def fit(
        self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Learn from texts and their labels, one list a text, which may be empty.

        Without `validation`, a tenth of the rows (of fewer than 1,000 rows: each fifth in turn) is held out to
        choose on; the chosen models are then trained on all rows.
        """
        check_ranges(self, choices={"model": MODELS}, above_zero=("C",), counts=("most_ngrams",))
        random = check_random_state(self.random_state)
        examples = check_label_sets(X, y)
        unseen = None if validation is None else check_label_sets(*validation, labels=examples.labels)
        examples = _affordable(examples, random)
        vectors = learn_affordable(examples.texts, most_ngrams=self.most_ngrams, n_classes=len(examples.labels))
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
        rule = fitted if self.rule is None and fitted else LabelRule.from_rule(self.rule or {}, examples.labels)
        self._keep(examples, vectors, linear, rule)
        self.trials_ = [trial.facts for trial in trials]
        self.chosen_params_: dict[str, Any] = {"model": model, "C": C, "rule": rule.rule}
        return self

    def export(self, folder: Path) -> None:
        """Leave the files that `predictors.linear.many_labels_linear` answers from."""
        check_is_fitted(self)
        self.predictor_.save(folder)

    def _answer(self, texts: Sequence[str]) -> LabelSetAnswers:
        return self.predictor_.predict(texts)

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

    def _splits(self, examples: LabelSets, random: np.random.RandomState) -> list[LabelSplit]:
        """Hold rows out, each time with a vocabulary that has not seen them: so it will be in service."""
        splits = []
        for known, unseen in examples.held_out(random):
            both = known_and_unseen(
                known.texts, unseen.texts, most_ngrams=self.most_ngrams, n_classes=len(examples.labels)
            )
            splits.append(LabelSplit(both[0], known.truth, both[1], unseen.truth))
        return splits


def _affordable(examples: LabelSets, random: np.random.RandomState) -> LabelSets:
    """Give the examples, or as large a random sample of them as their n-grams fit in memory."""
    most = int(MOST_NUMBERS / ngrams_a_row(examples.texts, random))
    if most >= len(examples):
        return examples
    return examples.take(np.sort(random.permutation(len(examples))[:most]))
