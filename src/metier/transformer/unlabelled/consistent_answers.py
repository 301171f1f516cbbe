"""Consistency training of any fine-tuned encoder: an item and what augmentation makes of it get the same answer [1]_.

Which edits keep the answer, the kinds say: texts of one target take every edit, marked entities are left alone, and where
words matter one by one (spans, pairs) only typing errors are made. What is compared are the questions that the answers
consist of (`objectives.learning`): a label of a row, the tag of each token, yes or no of each label of a set and of each
step of grades, a number.

Items without targets stand among the labelled rows, each as the ids of the item followed by those of its other version,
so that batches, vocabulary and checkpoints are those of all fine-tuning.

References
----------
.. [1] Xie et al., "Unsupervised data augmentation for consistency training", 2020, arXiv:1904.12848. There the other
   version comes from back-translation, and the released signal from annealing; here a bar of confidence does both.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch

from metier.bases.base import Base
from metier.tasks.inputs.changes import change
from metier.tasks.inputs.pair import Pair
from metier.text.augmentation import SPELLING, Augmentation, Way, build_way
from metier.text.segmentation import has_han
from metier.training.batch import Batch
from metier.training.batching import TokenisedRows
from metier.training.heads.head import Ready
from metier.training.heads.token_classifier import TaggedRows
from metier.training.objectives import Objective
from metier.training.objectives.learning import Learning
from metier.training.objectives.token_cross_entropy import UNTAGGED
from metier.training.training_cost import Cost
from metier.training.tuned_method import TunedEstimator, TunedMethod, UnlabelledUse
from metier.transformer.unlabelled.word_neighbours import word_neighbours

TRIES = 3  # Of a way that finds nothing to change in a text, or takes a word apart.


@dataclass(frozen=True)
class BothSorts:
    """A batch of labelled rows, of items without targets with their other versions, or of both.

    Parameters
    ----------
    known : Batch or None
        Labelled rows.
    versions : Batch or None
        The items, then their other versions in the same order.
    """

    known: Batch | None
    versions: Batch | None

    @property
    def labels(self) -> torch.Tensor | None:
        """Targets of the labelled rows."""
        return None if self.known is None else self.known.labels

    def __len__(self) -> int:
        return sum(len(part) for part in (self.known, self.versions) if part is not None)

    def to(self, device: torch.device) -> Self:
        """The same rows on a device."""
        known, versions = (None if part is None else part.to(device) for part in (self.known, self.versions))
        return replace(self, known=known, versions=versions)


@dataclass(frozen=True)
class RowsOfBothSorts(TokenisedRows):
    """Labelled rows, and behind them items without targets, each with its other version.

    Parameters
    ----------
    labelled : TokenisedRows
        As a head reads them, in the ids of the tokenizer.
    versions : TokenisedRows
        The items, and behind all of them their other versions.
    """

    labelled: TokenisedRows
    versions: TokenisedRows

    @classmethod
    def of(cls, labelled: TokenisedRows, versions: TokenisedRows) -> "RowsOfBothSorts":
        """Put items with their other versions behind labelled rows."""
        half = len(versions.ids) // 2
        joined = [np.concatenate([versions.ids[at], versions.ids[half + at]]) for at in range(half)]
        return cls(
            [*labelled.ids, *joined], labelled.truth, labelled.pad_id, labelled=labelled, versions=versions
        )

    def __len__(self) -> int:
        return len(self.labelled) + len(self.versions.ids) // 2

    def read_in(self, epoch: int, *, random_state: int) -> np.ndarray:
        """Positions in `ids` that an epoch reads: one a labelled row, and every item."""
        known = self.labelled.read_in(epoch, random_state=random_state)
        return np.concatenate([known, np.arange(len(self.labelled.ids), len(self.ids))])

    def batch(self, positions: np.ndarray) -> Any:
        """The rows at these positions as one batch."""
        n_known = len(self.labelled.ids)
        is_known = positions < n_known
        known, items = positions[is_known], positions[~is_known] - n_known
        labelled = replace(self.labelled, ids=self.ids, pad_id=self.pad_id)
        return BothSorts(
            labelled.batch(known) if len(known) else None, self._versions_of(items) if len(items) else None
        )

    def targets(self) -> Iterator[bytes]:
        """Give what the labelled rows are to be answered with, for a digest."""
        yield from self.labelled.targets()

    def _versions_of(self, items: np.ndarray) -> Batch:
        half, first = len(self.versions.ids) // 2, len(self.labelled.ids)
        ids: dict[int, Any] = {}
        for item in items.tolist():
            ids[item], ids[half + item] = np.split(
                np.asarray(self.ids[first + item]), [len(self.versions.ids[item])]
            )
        # Only what is asked for is looked up.
        read = replace(self.versions, ids=ids, pad_id=self.pad_id)  # type: ignore[arg-type]
        return read.batch(np.concatenate([items, half + items]))


def consistent(
    objective: Objective, *, learning: Learning, weight: float, confidence: float, temperature: float
) -> Objective:
    """Add to an objective of labelled rows how far the answers to two versions of an item lie apart.

    Parameters
    ----------
    objective : Objective
        Of labelled rows.
    learning : Learning
        What logits are choices of.
    weight : float
        Of the divergence beside the objective.
    confidence : float
        A question counts where its most probable answer to the item itself is at least so probable, 0 to 1; a number has
        no probability, and always counts.
    temperature : float
        Logits of the item itself are divided by it: below 1 the answer to be met is sharpened.
    """

    def both(model: torch.nn.Module, batch: Any) -> torch.Tensor:
        if batch.versions is None:
            return objective(model, batch.known)
        asked = learning.questions(model(batch.versions).float(), batch.versions)
        given, answered = asked.chunk(2)
        given = given.detach()
        if asked.shape[-1] == 1:  # A number.
            apart = (answered - given).square().mean()
        else:
            is_sure = given.softmax(dim=-1).amax(dim=-1) >= confidence
            aim = (given / temperature).softmax(dim=-1)
            each = torch.nn.functional.kl_div(answered.log_softmax(dim=-1), aim, reduction="none").sum(dim=-1)
            apart = (each * is_sure).mean()
        return weight * apart + (0 if batch.known is None else objective(model, batch.known))

    return both


@dataclass(frozen=True)
class ConsistentAnswers(UnlabelledUse):
    """Items without targets stand among the rows with another version each; both have to get the same answer.

    Parameters
    ----------
    items : sequence
        As the input kind of the method reads them.
    method : TunedMethod
        Whose head reads them.
    weight, confidence, sharpening : float
        See `consistent`.
    changed_fraction : float
        Share of the words, or of the characters, that are changed.
    """

    items: Sequence[Any]
    method: TunedMethod
    weight: float = 1.0
    confidence: float = 0.5
    sharpening: float = 0.4
    changed_fraction: float = 0.15

    def learned(self, ready: Ready, base: Base, settings: Any, objective: Objective) -> tuple[Ready, Objective]:
        """Put the items behind the rows."""
        pairs = self._pairs(base, settings)
        head, reader = self.method.head, self.method.head.reader(base, settings)
        read = [
            tuple(head.unlabelled(reader, self.method.input.read([item]), ready.model) for item in pair)
            for pair in pairs
        ]
        kept = [pair for pair in read if _corresponds(*pair)]
        assert isinstance(ready.rows, TokenisedRows)  # What these methods read are texts.
        facts = {**ready.facts, "versions": len(kept)}
        if not kept:
            return replace(ready, facts=facts), objective
        versions = _together([one for one, _ in kept] + [other for _, other in kept])
        rows = RowsOfBothSorts.of(ready.rows, versions)
        beside = consistent(
            objective,
            learning=settings.learning,
            weight=self.weight,
            confidence=self.confidence,
            temperature=self.sharpening,
        )
        return replace(ready, rows=rows, facts=facts), beside

    def cost(self, cost: Cost, settings: Any) -> Cost:
        """Count each item twice."""
        seconds = cost.seconds_per_row * 2 * len(self.items)
        return replace(cost, seconds_per_epoch=cost.seconds_per_epoch + seconds)

    def _pairs(self, base: Base, settings: Any) -> list[tuple[Any, Any]]:
        """Give items and what is made of them; those of which nothing can be made are left out."""
        random = np.random.default_rng(settings.random_state)
        way = self._way(base)
        found = []
        for item in self.items:
            for _ in range(TRIES):
                other = change(item, way, random)
                if other is not None:
                    found.append((item, other))
                    break
        return found

    def _way(self, base: Base) -> Way:
        read = self.method.input.read(list(self.items))
        texts = self.method.input.texts(read)
        are_pairs = any(isinstance(item, Pair) for item in read)
        if self.method.answer.keeps_words or are_pairs:
            is_chinese = sum(map(has_han, texts)) > len(texts) / 2
            names = [name for name in SPELLING if (name == "keyboard") != is_chinese]
            ways = [build_way(Augmentation(name, self.changed_fraction), synonyms={}) for name in names]
            return lambda text, kept, random: ways[random.integers(len(ways))](text, kept, random)
        return build_way(Augmentation("eda", self.changed_fraction), synonyms=word_neighbours(base, texts))


def _corresponds(one: Any, other: Any) -> bool:
    """Whether the questions of two versions stand in the same order: as many tokens with a tag, in one window."""
    if not isinstance(one, TaggedRows):
        return True
    if len(one.ids) > 1 or len(other.ids) > 1:
        return False
    return int((one.tags[0] != UNTAGGED).sum()) == int((other.tags[0] != UNTAGGED).sum()) > 0


def _together(rows: Sequence[Any]) -> TokenisedRows:
    """Give the first window of each of some rows as rows."""
    first = rows[0]
    ids = [np.asarray(one.ids[0], dtype=np.int64) for one in rows]
    if not isinstance(first, TaggedRows):
        return TokenisedRows(ids, None, first.pad_id)
    tags, casings = [one.tags[0] for one in rows], [one.casings[0] for one in rows]
    return TaggedRows(ids, None, first.pad_id, tags, casings)


def held_to_consistent_answers(method: Any, items: Sequence[Any], **options: float) -> Any | None:
    """Give an unfitted method that is held to consistent answers to items; None: it is no encoder under a head."""
    if not isinstance(method, TunedEstimator):
        return None
    return method.learning_from(ConsistentAnswers(items, type(method).method, **options))
