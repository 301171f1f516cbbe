"""Consistency training: a text and what augmentation makes of it should get the same answer [1]_.

Unlabelled texts stand among the labelled rows, each as the ids of the text followed by those of its other version, so
that batches, vocabulary and checkpoints are those of all fine-tuning.

References
----------
.. [1] Xie et al., "Unsupervised data augmentation for consistency training", 2020, arXiv:1904.12848. There the other
   version comes from back-translation, and the released signal from annealing; here a bar of confidence does both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from metier.features.tokenization import pad
from metier.text.augmentation import Augmentation, build_way
from metier.text.offsets import apply_edits
from metier.text.word_edits import Synonyms
from metier.training.batch import Batch, known_labels
from metier.training.batching import TokenBatch, TokenisedRows
from metier.training.objectives import Objective

# In the place of labels: unlabelled rows, and their augmented versions, which stand in the same order behind them.
ORIGINAL, OTHER = -1, -2


@dataclass(frozen=True)
class ConsistencyRows(TokenisedRows):
    """Labelled rows, and unlabelled ones with their other versions.

    A batch holds the labelled rows, the unlabelled ones, and their other versions, in this order; its labels are the
    classes, `ORIGINAL` and `OTHER`.

    Parameters
    ----------
    first_lengths : ndarray of int64 of shape (n_rows,)
        How many of a row's ids are the text itself; 0 for a labelled row, which has no other version.
    """

    first_lengths: np.ndarray

    @classmethod
    def of(
        cls, labelled: TokenisedRows, originals: Sequence[Sequence[int]], others: Sequence[Sequence[int]]
    ) -> "ConsistencyRows":
        """Put unlabelled texts behind labelled rows."""
        assert labelled.truth is not None
        pairs = [np.array([*one, *other], dtype=np.int64) for one, other in zip(originals, others, strict=True)]
        lengths = np.array([0] * len(labelled.ids) + [len(one) for one in originals], dtype=np.int64)
        truth = np.concatenate([labelled.truth, np.full(len(pairs), ORIGINAL, dtype=np.int64)])
        return cls([*labelled.ids, *pairs], truth, labelled.pad_id, lengths)

    def batch(self, positions: np.ndarray) -> TokenBatch:
        """The rows at these positions as one batch."""
        assert self.truth is not None
        is_labelled = self.first_lengths[positions] == 0
        known, unknown = positions[is_labelled], positions[~is_labelled]
        cuts = [(self.ids[position], self.first_lengths[position]) for position in unknown]
        parts = [self.ids[position] for position in known]
        parts += [ids[:cut] for ids, cut in cuts] + [ids[cut:] for ids, cut in cuts]
        input_ids, mask = pad(parts, pad_id=self.pad_id)
        labels = np.concatenate(
            [self.truth[known], np.full(len(unknown), ORIGINAL), np.full(len(unknown), OTHER)]
        )
        return TokenBatch(torch.from_numpy(input_ids), torch.from_numpy(mask), torch.from_numpy(labels))


def consistency(*, weight: float, confidence: float, temperature: float, label_smoothing: float) -> Objective:
    """Give cross-entropy of the labelled rows plus the divergence of the others' two answers, as an objective.

    Parameters
    ----------
    weight : float
        Of the divergence beside the cross-entropy.
    confidence : float
        Unlabelled rows speak only where the likeliest label of the text itself is at least so probable, 0 to 1.
    temperature : float
        Logits of the text itself are divided by it: below 1 the answer to be met is sharpened.
    label_smoothing : float
        Of the cross-entropy.
    """

    def objective(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
        labels = known_labels(batch)
        logits = model(batch).float()
        is_known, is_original = labels >= 0, labels == ORIGINAL
        loss = logits.sum() * 0.0  # A batch may hold one sort of rows only.
        if is_known.any():
            loss = loss + torch.nn.functional.cross_entropy(
                logits[is_known], labels[is_known], label_smoothing=label_smoothing
            )
        if is_original.any():
            given = logits[is_original].detach()
            is_sure = given.softmax(dim=1).amax(dim=1) >= confidence
            aim = (given / temperature).softmax(dim=1)
            answer = logits[labels == OTHER].log_softmax(dim=1)
            each = torch.nn.functional.kl_div(answer, aim, reduction="none").sum(dim=1)
            loss = loss + weight * (each * is_sure).mean()
        return loss

    return objective


def other_versions(
    texts: Sequence[str], *, synonyms: Synonyms, fraction: float, random_state: int
) -> tuple[list[str], list[str]]:
    """Give the texts that EDA can change, and what it makes of each."""
    way: Any = build_way(Augmentation("eda", fraction), synonyms=synonyms)
    random = np.random.default_rng(random_state)
    made = [(text, apply_edits(text, way(text, (), random))) for text in texts]
    changed = [(text, other) for text, other in made if text != other]
    return [text for text, _ in changed], [other for _, other in changed]
