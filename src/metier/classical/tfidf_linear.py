"""The traditional pipeline: TF-IDF vectors and a linear model, chosen and calibrated on held-out rows."""

from typing import Any, ClassVar, Self

from metier.classical.complement_bayes import BAYES, BayesOfVeryManyLabels
from metier.classical.learned_tfidf import MOST_NUMBERS, LearnedTfidf
from metier.classical.learners import MODELS, SvcOrLogistic
from metier.classical.linear_estimator import LinearEstimator
from metier.classical.linear_method import LinearMethod, by_accuracy
from metier.classical.linear_settings import TfidfLinearSettings
from metier.progress import Listener, ignore
from metier.tasks.answers import LABEL
from metier.tasks.estimators import Classifier
from metier.tasks.examples import Examples
from metier.tasks.inputs import TEXT
from metier.tasks.method_contract import Capabilities, CostRank
from metier.tasks.method_settings import with_settings


@with_settings(TfidfLinearSettings)
class TfidfLinear(LinearEstimator, Classifier):
    """Word and character n-grams weighted by TF-IDF [1]_, then a linear model: the baseline to beat.

    Trains in seconds, answers in a tenth of a millisecond, reads English and Chinese. With some hundred rows
    a label it is hard to beat by much; with ten, prefer `FrozenLinear`, which knows words it has never seen
    labelled. Logits become probabilities by a softmax with one temperature [2]_, fitted on validation rows. Of
    thousands of labels with few rows each, complement naive Bayes [3]_ learns all at once, where a model for each would
    take minutes.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, in the order of the columns of `predict_proba`.
    chosen_params_ : dict
        `model`, `C` (naive Bayes has none) and `temperature`: what to set so that another fit needs no validation.
    trials_ : list of dict
        Every pair of model and C that was tried, the best first, with its accuracy and log-loss.
    n_rows_used_ : int
        Rows that were trained on. Fewer than were given only where their n-grams would not fit in about 1.2 GB;
        then a sample in equal shares of every label is used.

    References
    ----------
    .. [1] Salton and Buckley, "Term-weighting approaches in automatic text retrieval", 1988.
    .. [2] Guo et al., "On calibration of modern neural networks", 2017, arXiv:1706.04599.
    .. [3] Rennie et al., "Tackling the poor assumptions of naive Bayes text classifiers", 2003.
    """

    name = "tfidf_linear.v1"
    capabilities: ClassVar[Capabilities] = Capabilities(cost=CostRank.CLASSICAL, takes_soft_labels=True)
    input, answer = TEXT, LABEL

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
            Probabilities of the labels of `y`, sorted, for each text, as labelling rules give them. Model and C are
            chosen by `y`; the model is then trained on every text under each of its labels, as much as it is probable.
        """
        found = self._learn(X, y, validation, listener, soft=soft)
        self.n_rows_used_ = len(found.examples)
        return self._keep(found)

    @property
    def fits_each_label(self) -> bool:
        """Whether a fit makes a model for each label."""
        return self.model != BAYES

    @property
    def _model_asked(self) -> str | None:
        """The model that is set, also where only its C is."""
        return self.model if self.C is None else self.model or MODELS[0]

    def _method(self, examples: Examples) -> LinearMethod:
        return LinearMethod(
            LearnedTfidf(self.most_ngrams, most_numbers=MOST_NUMBERS),
            BayesOfVeryManyLabels(SvcOrLogistic(self.model, self.C), self._model_asked),
            LABEL,
            {"temperature": self.temperature},
            by_accuracy,
        )
