"""The cost of a method with a frozen base on this machine, measured on a few real batches."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from metier.bases.known_bases import cutter_of, resolve_base
from metier.text.given_texts import text_of
from metier.text.language import detect_language
from metier.training.training_cost import Cost, measure_training

# Backward costs twice forward, and the optimizer its share.
TRAINING_OVER_FORWARD = 3.0
PROBE_SECONDS = 10.0  # To fit what stands on the vectors, and to export it.
TOKEN_BUDGET = 1024


class ReadsByFrozenBase:
    """A method that runs every row through a base once."""

    base: str

    def measure(self, X: Any, y: Any = None) -> Cost:
        """Time a few real batches of these rows and say what a fit costs here; nothing is learned."""
        return reading_cost(self.base, X)


def reading_cost(base: str, items: Sequence[Any], *, rows_tuned: int = 0) -> Cost:
    """Give what it costs to run items through a base once.

    Parameters
    ----------
    rows_tuned : int
        Rows that go there and back through the base besides, however many items there are.
    """
    texts = tuple(text_of(item) for item in items)
    epoch = _epoch_of(base, texts)
    seconds = epoch.seconds_per_epoch / TRAINING_OVER_FORWARD + rows_tuned * epoch.seconds_per_row
    return Cost(epoch.seconds_per_row, 0.0, epoch.memory_bytes, seconds_before=seconds + PROBE_SECONDS)


@lru_cache(maxsize=1)  # Several candidates of a run ask the same.
def _epoch_of(name: str, texts: tuple[str, ...]) -> Cost:
    base = resolve_base(name, language=detect_language(texts).main_language)
    return measure_training(base, cutter_of(base).first(texts), n_classes=2, token_budget=TOKEN_BUDGET)
