"""Relations by how often two phrases, or two types of entity, had them in training: `relation_counts.v1`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from metier.features.gazetteer import phrase_key
from metier.predictors.loading import as_bundle_error, read_settings, write_settings
from metier.tasks.answer_batches import Answers
from metier.tasks.inputs.marked_text import as_entity_pairs

KIND = "relation_counts.v1"
SEPARATOR = "\t"
# What is known of a wider key counts as so many rows of a narrower one.
PRIOR_ROWS = 1.0


def count_keys(item: Mapping[str, Any]) -> list[str]:
    """Give the keys of a pair, the widest first: all pairs, the types and the order, the two phrases."""
    text, (head, head_end), (tail, tail_end) = item["text"], item["head"], item["tail"]
    order = "before" if head < tail else "after"
    types = SEPARATOR.join((item.get("head_type", ""), item.get("tail_type", ""), order))
    phrases = SEPARATOR.join((phrase_key(text[head:head_end]), phrase_key(text[tail:tail_end])))
    return ["", f"types{SEPARATOR}{types}", f"phrases{SEPARATOR}{phrases}"]


class RelationCountsPredictor:
    """Answers with the relations that the same phrases had, else the same types. Safe to share between threads.

    Parameters
    ----------
    counts : mapping of str to sequence of float
        By the keys of `count_keys`: how many rows had each label.
    labels : sequence of str
    name : str
        Versioned name of the method that left this predictor.
    """

    def __init__(self, *, counts: Mapping[str, Sequence[float]], labels: Sequence[str], name: str):
        self.counts = {key: np.asarray(own, dtype=np.float64) for key, own in counts.items()}
        self.labels, self.name = tuple(labels), name

    def predict(self, items: Sequence[Any]) -> Answers:
        """Answer marked texts."""
        chances = np.array([self._chances(item) for item in as_entity_pairs(items)])
        return Answers(chances, self.labels, (self.name,) * len(items))

    def _chances(self, item: Mapping[str, Any]) -> np.ndarray:
        chances = np.full(len(self.labels), 1 / len(self.labels))
        for key in count_keys(item):
            own = self.counts.get(key)
            if own is not None:
                chances = (own + PRIOR_ROWS * chances) / (own.sum() + PRIOR_ROWS)
        return chances

    def save(self, folder: Path) -> None:
        """Write the predictor's one file to a folder."""
        counts = {key: own.tolist() for key, own in self.counts.items()}
        write_settings(folder, {"kind": KIND, "name": self.name, "labels": list(self.labels), "counts": counts})

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load what `save` wrote; `threads` changes nothing."""
        settings = read_settings(folder)
        with as_bundle_error(folder, "does not hold complete counts of relations"):
            return cls(counts=settings["counts"], labels=settings["labels"], name=settings["name"])
