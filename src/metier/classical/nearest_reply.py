"""The reply that was given to the most similar question: the baseline for dialogues and translations."""

from collections import Counter
from typing import Any, ClassVar, Self

import numpy as np
from pydantic import Field

from metier.evaluation.text_measures import rouge_l
from metier.predictors.text.nearest_reply import NearestReplyPredictor, question
from metier.progress import Listener, ignore
from metier.tasks.estimators import WritingMethod
from metier.tasks.generation import TextPairs, check_texts
from metier.tasks.method_contract import Capabilities
from metier.tasks.method_settings import MethodSettings, with_settings
from metier.text.bm25 import Bm25

TURNS = (1, 3)  # The last user turn, or with the exchange before it.


class NearestReplySettings(MethodSettings):
    """Settings of the reply to the most similar question."""

    turns: int | None = Field(
        None,
        ge=1,
        description="How many of a conversation's last messages are the question; None: 1 or 3, by ROUGE-L on "
        "validation, and 1 without validation rows.",
    )


@with_settings(NearestReplySettings)
class NearestReply(WritingMethod):
    """Answers with the target of the training row that is most like the question, by BM25 over its words.

    It generates no new text, so it cannot hallucinate. With thousands of rows and recurring questions, as in small
    talk and support, it is hard to beat; for translations it returns that of the nearest sentence.

    Attributes
    ----------
    turns_ : int
    chosen_params_ : dict
        What to set so that another fit needs no validation.
    facts_ : dict
        ROUGE-L for each number of turns that was tried.
    """

    name = "nearest_reply.v1"
    capabilities: ClassVar[Capabilities] = Capabilities()

    def fit(
        self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Index the questions. `listener` is not needed; every method takes it."""
        self.Settings.of(self)
        pairs = check_texts(X, y)
        self.facts_: dict[str, Any] = {}
        if self.turns is None and pairs.is_dialogue and validation is not None:
            validation_rows = check_texts(*validation, origin="the validation rows")
            figures = {turns: _rouge(self._index(pairs, turns), validation_rows) for turns in TURNS}
            self.facts_["rouge_l"] = figures
            self.turns_ = max(figures, key=lambda turns: figures[turns])
        else:
            self.turns_ = self.turns or TURNS[0]
        self.predictor_ = self._index(pairs, self.turns_)
        self.chosen_params_ = {"turns": self.turns_}
        return self

    def _index(self, pairs: TextPairs, turns: int) -> NearestReplyPredictor:
        index = Bm25().fit([question(item, turns) for item in pairs.items])
        usual = Counter(pairs.targets).most_common(1)[0][0]
        return NearestReplyPredictor(index, pairs.targets, usual=usual, turns=turns, name=self.name)


def _rouge(predictor: NearestReplyPredictor, validation_rows: TextPairs) -> float:
    answers = predictor.predict(validation_rows.items).predicted
    return float(np.mean([rouge_l(t, a) for t, a in zip(validation_rows.targets, answers, strict=True)]))
