"""The likelihood of each label after a text under a causal model: all labels in one pass.

The labels stand behind the prompt one after the other, and a mask keeps each from seeing the others, so the prompt is
computed once and not once a label.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from metier.predictors.text.prompting import Codec

MOST_TEXT_TOKENS = 768  # Of a longer text both ends are read.
MOST_LABEL_TOKENS = 1024  # Behind one prompt: bounds the memory of the mask and of the logits.
PLACE = "{text}"


class LabelLikelihood:
    """Scores of labels: the logarithm of their likelihood after a text, less that after no text [1]_.

    Long and rare labels are unlikely whatever the text; what the text adds is what counts. Safe to share between
    threads.

    Parameters
    ----------
    model : PreTrainedModel
        Causal, in evaluation mode.
    codec : Codec
    described : sequence of str
        How each label is written.
    template : str
        What stands around the text; `{text}` is its place, and the label follows the end.
    most_tokens : int
        That the model reads.
    most_text_tokens : int
        Of a text.

    References
    ----------
    .. [1] Holtzman et al., "Surface form competition: why the highest probability answer isn't always right", 2021,
       arXiv:2104.08315.
    """

    def __init__(
        self,
        model: Any,
        codec: Codec,
        *,
        described: Sequence[str],
        template: str,
        most_tokens: int,
        most_text_tokens: int = MOST_TEXT_TOKENS,
    ):
        self._model = model
        self._codec = codec
        self._before, _, self._after = template.partition(PLACE)
        self._labels = [codec.encode(f" {written}") or codec.encode(written) for written in described]
        longest = max(map(len, self._labels))
        around = len(codec.encode(template.replace(PLACE, "")))
        self._room = max(16, min(most_text_tokens, most_tokens - longest - around - 8))
        self._without_text = self._likelihoods("")

    def scores(self, texts: Sequence[str]) -> np.ndarray:
        """Give the scores of texts, one after the other: ndarray of shape (n_texts, n_labels)."""
        return np.stack([self._likelihoods(text) for text in texts]) - self._without_text

    def _likelihoods(self, text: str) -> np.ndarray:
        return likelihoods_behind(self._model, self._prompt(text), self._labels)

    def _prompt(self, text: str) -> list[int]:
        # Eight characters a token are more than any text has.
        half = 8 * self._room // 2
        if len(text) > 2 * half:
            text = f"{text[:half]} … {text[-half:]}"
        ids = self._codec.encode(text)
        if len(ids) > self._room:
            ids = [*ids[: self._room // 2], *ids[-(self._room // 2) :]]
        return [*self._codec.encode(self._before), *ids, *self._codec.encode(self._after)]


def likelihoods_behind(model: Any, prompt: Sequence[int], answers: Sequence[Sequence[int]]) -> np.ndarray:
    """Give the log-likelihood of each answer behind a prompt under a causal model, an ndarray of shape (n_answers,).

    Parameters
    ----------
    prompt : sequence of int
        Token ids; at least one.
    answers : sequence of sequence of int
    """
    found: list[float] = []
    for some in _chunks(answers, MOST_LABEL_TOKENS):
        found += _behind(model, prompt, some)
    return np.array(found)


def _behind(model: Any, prompt: Sequence[int], labels: Sequence[Sequence[int]]) -> list[float]:
    """Give the log-likelihood of each label behind the prompt."""
    ids, positions, owner = list(prompt), list(range(len(prompt))), [-1] * len(prompt)
    for number, label in enumerate(labels):
        ids += label
        positions += range(len(prompt), len(prompt) + len(label))
        owner += [number] * len(label)
    owners = torch.tensor(owner)
    # A token sees the prompt, and of its own label what stands before it.
    seen = ((owners[None] == -1) | (owners[None] == owners[:, None])).tril()
    mask = torch.zeros(seen.shape, dtype=model.dtype).masked_fill(~seen, torch.finfo(model.dtype).min)
    n_kept = len(ids) - len(prompt) + 1
    with torch.inference_mode():
        logits = model(
            input_ids=torch.tensor([ids]),
            attention_mask=mask[None, None],
            position_ids=torch.tensor([positions]),
            use_cache=False,
            logits_to_keep=n_kept,
        ).logits[0]
    given = torch.log_softmax(logits.float(), dim=-1)
    found, start = [], 1  # Row 0 is the end of the prompt, from which every label begins.
    for label in labels:
        rows = [0, *range(start, start + len(label) - 1)]
        found.append(float(given[rows, list(label)].sum()))
        start += len(label)
    return found


def _chunks(labels: Sequence[Sequence[int]], most: int) -> list[list[Sequence[int]]]:
    chunks: list[list[Sequence[int]]] = [[]]
    total = 0
    for label in labels:
        if chunks[-1] and total + len(label) > most:
            chunks.append([])
            total = 0
        chunks[-1].append(label)
        total += len(label)
    return chunks
