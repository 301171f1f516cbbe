"""Relations by the words between and around two entities, then a linear model."""

from typing import Any, ClassVar

from metier.classical.learned_relations import LearnedRelations
from metier.classical.learners import SvcOrLogistic
from metier.classical.linear_estimator import LinearEstimator
from metier.classical.linear_method import LinearFit, LinearMethod, by_accuracy
from metier.classical.linear_settings import RelationLinearSettings
from metier.tasks.answers import RELATION
from metier.tasks.estimators import Classifier
from metier.tasks.examples import Examples
from metier.tasks.inputs import MARKED_TEXT
from metier.tasks.method_contract import Capabilities, CostRank
from metier.tasks.method_settings import with_settings


@with_settings(RelationLinearSettings)
class RelationLinear(LinearEstimator, Classifier):
    """Words between, before, after and inside two entities, their order, distance and types, then a linear model.

    Trains in seconds, answers in a tenth of a millisecond, reads English and Chinese (there characters as well as
    words). On SemEval-2010 task 8 it is some points below an encoder that sees the entities marked; below a thousand
    rows the two are closer. `RelationSyntax` adds the parse of English sentences.

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
    capabilities: ClassVar[Capabilities] = Capabilities(takes_soft_labels=True)
    input, answer = MARKED_TEXT, RELATION
    syntax: ClassVar[bool] = False

    def _method(self, examples: Examples) -> LinearMethod:
        return LinearMethod(
            LearnedRelations(self.most_features, syntax=self.syntax),
            SvcOrLogistic(self.model, self.C),
            RELATION,
            {"temperature": self.temperature},
            by_accuracy,
        )

    def _facts(self, found: LinearFit) -> dict[str, Any]:
        return {"features": len(found.predictor.weights), "syntax": self.syntax}


class RelationSyntax(RelationLinear):
    """`RelationLinear` with the dependency path between the entities, for English.

    On SemEval-2010 task 8 the parse gains about 2 points of the official macro-F1 and costs 2 ms a row, thirty times the
    rest, as much as a small encoder takes. Training and answering both need spaCy and its small English model
    (`metier[nlp]`); spaCy loads torch where torch is installed, and does without where it is not.
    """

    name = "relation_syntax.v1"
    capabilities: ClassVar[Capabilities] = Capabilities(
        cost=CostRank.CLASSICAL, baseline="relation_linear.v1", takes_soft_labels=True
    )
    syntax: ClassVar[bool] = True
