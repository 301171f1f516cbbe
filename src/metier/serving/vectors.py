"""What of a served model embeds texts, and what ranks texts by how well they match a query."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from metier.bundles import Bundle
from metier.predictors.evidence import EmbedsTexts, embedder_among
from metier.serving.guards.masking import MaskedBundle, covered
from metier.serving.refusals import RefusalError
from metier.tasks.answer_batches import AnswerBatch, Answers
from metier.tasks.inputs import PAIR, TEXT_OR_PAIR
from metier.tasks.text_pair import find_match_label

LEAST = 1e-7  # No probability is nearer to 0 or 1 where its log-odds are asked for.
Ranks = Callable[[AnswerBatch], np.ndarray]


class MaskedEmbedder:
    """What embeds texts without their personal data, as a bundle answers them that masks what it is asked.

    Parameters
    ----------
    embedder : EmbedsTexts
    """

    embeds_texts = True

    def __init__(self, embedder: EmbedsTexts):
        self._embedder = embedder

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Give the vector of each text once it is masked."""
        return self._embedder.embed([covered(text).item for text in texts])


def embedder_of(model: object) -> EmbedsTexts | None:
    """Give what embeds texts inside of a bundle; None: nothing does."""
    found = embedder_among([model.predictor]) if isinstance(model, Bundle) else None
    return MaskedEmbedder(found) if isinstance(model, MaskedBundle) and found is not None else found


def check_embeds(model: object) -> EmbedsTexts:
    """Give what embeds texts inside of a bundle; raises RefusalError (422) where nothing does."""
    found = embedder_of(model)
    if found is None:
        message = (
            "This model has no vector of a text. Serve one with an encoder that reads whole texts, such as frozen.v1, "
            "static.v1, encoder.v1 or bi_encoder.v1."
        )
        raise RefusalError(422, "no_embeddings", message, field="model")
    return found


def scores_of(model: object) -> Ranks | None:
    """Give what makes of the answers to pairs how well they match; None: the model is none of matching texts."""
    if not isinstance(model, Bundle) or model.input_kind not in (PAIR, TEXT_OR_PAIR):
        return None
    if model.answer_kind.is_one_label:
        label = find_match_label(model.labels) if model.input_kind is PAIR else None
        return None if label is None else _of_label(model.labels.index(label))
    return _numbers if model.answer_kind.name == "score" and model.input_keys == PAIR.keys else None


def check_ranks(model: object) -> Ranks:
    """Give what `scores_of` does; raises RefusalError (422) where the model is none of matching texts."""
    found = scores_of(model)
    if found is None:
        message = (
            "This model does not say how well two texts match. Serve one of text matching (the task text_pair), such as "
            "cross_encoder.v1 or pair_linear.v1."
        )
        raise RefusalError(422, "no_reranker", message, field="model")
    return found


def log_odds(scores: np.ndarray) -> np.ndarray:
    """Give the logarithms of the odds of probabilities: what a reranker has before its sigmoid."""
    bounded = np.clip(scores, LEAST, 1 - LEAST)
    odds: np.ndarray = np.log(bounded / (1 - bounded))
    return odds


def _of_label(column: int) -> Ranks:
    def probabilities(answers: Any) -> np.ndarray:
        assert isinstance(answers, Answers)
        return answers.probabilities[:, column]

    return probabilities


def _numbers(answers: AnswerBatch) -> np.ndarray:
    return np.asarray(answers.predicted, dtype=np.float64)
