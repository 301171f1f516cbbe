"""scikit-learn's own checks, on every method that is cheap enough to be fitted fifty times.

scikit-learn 1.9 skips all of its checks for an estimator that takes texts, because it has no texts to give.
So here each row of its numbers is told as a text ("f0is3 f1is-2"), and the checks run on what a method makes
of that. What they say of NaN, sparse matrices, dtypes and the number of features is answered by the telling,
not by the method: these cannot apply to texts. `check_array_api_input` skips itself, since texts are no
arrays. Methods with a base are left out for their time alone; the other checks of this folder hold them to the
same contract.
"""

from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import check_array

from metier.classical import Majority, TfidfLinear
from metier.fusion.average import Average
from metier.fusion.cascade import Cascade

STEPS = 4  # To one unit: fine enough to tell blobs apart, coarse enough to meet the same words again.


def told(X):
    """Tell each row of numbers as a text."""
    numbers = check_array(X, dtype="numeric")
    return [" ".join(f"f{i}is{round(float(value) * STEPS)}" for i, value in enumerate(row)) for row in numbers]


class ReadsNumbers:
    """Put before a method: what it is given as numbers, the method gets as texts."""

    def fit(self, X, y=None):
        return super().fit(told(X), y)

    def predict_proba(self, X):
        return super().predict_proba(told(X) if hasattr(self, "classes_") else [""])

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        tags.input_tags.string = False
        tags.no_validation = True  # Of numbers: `told` does that, not the method.
        return tags


class MajorityOfNumbers(ReadsNumbers, Majority):
    pass


class TfidfLinearOfNumbers(ReadsNumbers, TfidfLinear):
    pass


class AverageOfNumbers(ReadsNumbers, Average):
    pass


class CascadeOfNumbers(ReadsNumbers, Cascade):
    pass


def quick():
    return TfidfLinear(model="svc", C=1.0, temperature=0.3)


ESTIMATORS = [
    MajorityOfNumbers(),
    TfidfLinearOfNumbers(model="svc"),
    AverageOfNumbers(members=[Majority(), quick()]),
    CascadeOfNumbers(stages=[Majority(), quick()]),
]


@parametrize_with_checks(ESTIMATORS)
def test_keeps_the_contract_of_scikit_learn(estimator, check):
    check(estimator)
