"""Self-training of any method: it answers unlabelled items, and learns again with those that it is sure of."""

from collections import Counter
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import Field
from sklearn.base import clone

from metier.errors import SettingsError
from metier.progress import Listener, Progress
from metier.selection.unlabelled.taught import Taught, TaughtSettings
from metier.tasks.answers import ANSWERS, AnswerKind
from metier.tasks.method_contract import Capabilities, CostRank, GivesAnswers
from metier.tasks.method_settings import with_settings


class PseudoLabelsSettings(TaughtSettings):
    """What `PseudoLabels` can be set to."""

    answer: str | None = Field(None, description="Kind of the answers, as the task has it.")
    confidence: float = Field(0.6, ge=0, le=1, description="Least certainty of an answer that is learned.")
    growth: float = Field(
        2.0,
        gt=0,
        description="In the first round a sort of target gets at most this many pseudo-labelled rows per labelled row; "
        "twice as many in each round after it.",
    )
    rounds: int = Field(2, ge=1, description="Rounds of self-training.")


@with_settings(PseudoLabelsSettings)
class PseudoLabels(Taught):
    """Self-training of any method of the task [1]_: answers that it is sure of are learned as targets, in rounds.

    How sure an answer is, its kind says: the probability of a label or a grade, of the least sure label of a set, of the
    least sure span of a text. The most confident items are mostly easy ones of a frequent sort, so every sort of
    target (a label, a set, the labels of a text's spans) gets its own number of them [2]_. Settings that are chosen on
    validation are chosen once, on labelled rows alone. Its supervised counterpart is the method itself.

    Attributes
    ----------
    best_ : fitted method
    facts_ : dict
        `unlabelled` and, a round, how many items were `pseudo_labelled`.

    References
    ----------
    .. [1] Yarowsky, "Unsupervised word sense disambiguation rivaling supervised methods", 1995.
    .. [2] Zou et al., "Unsupervised domain adaptation for semantic segmentation via class-balanced self-training", 2018.
    """

    name = "pseudo_labels.v1"
    capabilities: ClassVar[Capabilities] = Capabilities(cost=CostRank.CLASSICAL, learns_from_unlabelled=True)
    answer: str | None
    confidence: float
    growth: float
    rounds: int

    def _teach(
        self,
        settings: Any,
        items: list[Any],
        X: Any,
        y: Any,
        *,
        validation: tuple[Any, Any] | None,
        listener: Listener,
    ) -> tuple[Any, dict[str, Any]]:
        kind, plain = self._kind(), self._plain()
        known, targets = list(X), list(y)
        plain.fit(known, targets, validation=validation, listener=listener)
        if not isinstance(plain, GivesAnswers):
            fault = f"method is {self.method!r}, which does not say how sure its answers are"
            raise SettingsError([fault], origin=f"The settings of {self.name}")
        counts: list[int] = []
        for number in range(self.rounds if items else 0):
            listener(Progress(f"{self.name}: round {number + 1}", number, self.rounds, unit="rounds"))
            found = plain.answers(items)
            believed = kind.as_targets(found)
            sorts = (list(map(kind.sort_of, targets)), list(map(kind.sort_of, believed)))
            growth = self.growth * 2**number
            picked = choose_confident(kind.certainty(found), sorts, confidence=self.confidence, growth=growth)
            counts.append(len(picked))
            if not len(picked):
                break
            again = clone(plain).set_params(**_settled(plain))
            if "checkpoint_folder" in again.get_params(deep=False) and self.checkpoint_folder is not None:
                again.set_params(checkpoint_folder=Path(self.checkpoint_folder) / f"round-{number + 1}")
            plain = again.fit(
                [*known, *(items[at] for at in picked)],
                [*targets, *(believed[at] for at in picked)],
                validation=validation,
                listener=listener,
            )
        return plain, {"pseudo_labelled": counts}

    def _kind(self) -> AnswerKind:
        if self.answer not in ANSWERS:
            fault = f"answer is {self.answer!r}, expected one of {', '.join(ANSWERS)}"
            raise SettingsError([fault], origin=f"The settings of {self.name}")
        kind = ANSWERS[self.answer]
        if SELF_TRAINING in kind.why_not:
            raise SettingsError([kind.why_not[SELF_TRAINING]], origin=f"The settings of {self.name}")
        return kind


SELF_TRAINING = "self_training"


def choose_confident(
    sure: np.ndarray | None,
    sorts: tuple[Sequence[Hashable], Sequence[Hashable]],
    *,
    confidence: float,
    growth: float,
) -> list[int]:
    """Choose answers to learn from, of each sort the most certain first, in the shares of the labelled rows.

    Parameters
    ----------
    sure : ndarray of shape (n_items,), or None
        How sure the answers to the unlabelled items are; None: nobody knows, and nothing is chosen.
    sorts : pair of sequences
        The sort of each labelled row's target, and of each answer. An answer of a sort that no row has is not learned.
    confidence : float
        Least certainty, 0 to 1.
    growth : float
        For each labelled row of a sort at most so many items, at least one.

    Returns
    -------
    list of int
        Positions among the items, ascending.
    """
    if sure is None:
        return []
    left = {sort: max(1, int(growth * count)) for sort, count in Counter(sorts[0]).items()}
    chosen = []
    for at in np.argsort(-sure, kind="stable").tolist():
        sort = sorts[1][at]
        if sure[at] >= confidence and left.get(sort, 0):
            left[sort] -= 1
            chosen.append(at)
    return sorted(chosen)


def _settled(method: Any) -> dict[str, Any]:
    """Give what a fit chose as settings of another, so that targets it gave itself choose nothing."""
    takes = method.get_params(deep=False)
    return {name: value for name, value in method.chosen_params_.items() if name in takes}
