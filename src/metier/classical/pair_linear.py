"""The traditional method for pairs: what two texts share, counted and weighed, then logistic regression."""

from typing import Any, ClassVar

from metier.classical.learned_pairs import LearnedPairs
from metier.classical.learners import DenseLogistic
from metier.classical.linear_estimator import LinearEstimator
from metier.classical.linear_method import LinearFit, LinearMethod
from metier.classical.linear_settings import PairLinearSettings
from metier.features.pair_features import NAMES
from metier.tasks.answers import LABEL
from metier.tasks.estimators import Classifier
from metier.tasks.examples import Examples
from metier.tasks.inputs import PAIR
from metier.tasks.method_contract import Capabilities
from metier.tasks.method_settings import with_settings

FOLDS = 5


@with_settings(PairLinearSettings)
class PairLinear(LinearEstimator, Classifier):
    """TF-IDF cosines, BM25 both ways, overlaps, edits, numbers and negations, then logistic regression.

    Trains in seconds and predicts in a quarter of a millisecond. It uses words only: where matching texts use other
    words, or another language, prefer `FrozenPair` or `BiEncoder`.

    The features of the regression are cross-fitted: each fifth of the pairs is vectorised with a vocabulary fitted on
    the others. Otherwise training texts would contain only known words, new texts would not, and their cosines could
    not be compared.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, in the order of the columns of `predict_proba`.
    chosen_params_ : dict
        `C` and `temperature`: what to set so that another fit needs no validation.
    facts_ : dict
        `weights`: for the last class, what each number adds to its logit.
    """

    name = "pair_linear.v1"
    capabilities: ClassVar[Capabilities] = Capabilities(takes_soft_labels=True)
    input, answer = PAIR, LABEL

    def _method(self, examples: Examples) -> LinearMethod:
        features = LearnedPairs(self.most_ngrams, n_folds=FOLDS)
        return LinearMethod(features, DenseLogistic(self.C), LABEL, {"temperature": self.temperature})

    def _facts(self, found: LinearFit) -> dict[str, Any]:
        of_last = found.predictor.weights[:, -1].tolist()
        return {"weights": dict(zip(NAMES, of_last, strict=True))}
