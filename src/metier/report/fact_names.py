"""Facts of a candidate in words: what was measured while it was trained and exported, with names and units.

A fact whose name is not listed keeps it, with spaces for underscores; what is nested in it may be named by methods,
labels or settings, and stays as it is. The unit is in the end of the name: `_bytes`, `_seconds`, `_ms`, `_fraction`.
"""

from collections.abc import Callable, Mapping
from typing import Any

from metier.report import numbers as written
from metier.report.section import Page

# By the end of a name: how its figures are written.
UNITS: Mapping[str, Callable[[Any], str]] = {
    "_bytes": written.size,
    "_seconds": written.seconds,
    "_ms": written.milliseconds,
    "_fraction": written.percent,
    "disagreement": written.percent,
}
NAMES = {
    "adaptation": "adaptation",
    "augmentation": "changes of training images",
    "augmentation.colour": "largest change of colours in training images",
    "augmentation.crop": "largest share cut from training images",
    "augmentation.flip": "probability that left and right are swapped",
    "augmentation.rotation": "largest turn of training images in degrees",
    "base": "base model",
    "best_epoch": "epoch that was kept",
    "export": "export",
    "export.chosen": "precision of the exported model",
    "export.choosing_seconds": "time to choose the precision",
    "export.disagreement": "share of typical rows that INT8 answers otherwise",
    "export.equivalence": "equivalence check of INT8",
    "export.flips": "answers that INT8 flips between right and wrong",
    "export.instruction_sets": "instruction sets of the processor",
    "export.latency_ms": "time of one answer",
    "export.precision": "precision of the exported model",
    "export.rows": "validation rows of the check of INT8",
    "export.rows_needed": "validation rows needed to check INT8",
    "export.size_bytes": "size of the model",
    "export.why": "why this precision",
    "frozen_states_kept": "states of the frozen layers kept",
    "held_out_rows": "rows held out",
    "learning_rate": "learning rate",
    "log_loss_by_model": "log-loss by model",
    "mended.divergence": "times training began anew after divergence, at a quarter of the rate",
    "mended.exploding_gradients": "times training began anew after exploding gradients, at a quarter of the rate",
    "mended.memory": "times batches were halved as memory was short",
    "mended.plateau": "times the rate was halved on a plateau",
    "mended.vanishing_gradients": "times gradients vanished",
    "memory_growth_bytes": "memory that training added",
    "not_flipped_for": "labels that name a side, so that no image is mirrored",
    "padding_fraction": "share of padding in the batches",
    "rows_left_out": "rows left out",
    "rows_longer": "recordings left out as they are too long",
    "rows_per_second": "rows a second in training",
    "speech_seconds": "speech learned from",
    "steps": "optimizer steps",
    "stopped_by": "why training ended",
    "temperatures": "temperatures",
    "threshold": "threshold",
    "unaligned_spans": "spans that no token boundary meets",
    "vocabulary_used": "tokens of the vocabulary in use",
    "weights": "weights",
    "weights_all": "weights in all",
    "weights_trained": "weights trained",
    "windows": "windows",
}
# Values that are words of ours.
VALUES = {
    "stopped_by": {
        "epochs": "all epochs",
        "step": "the step limit",
        "clock": "the time limit",
        "plateau": "no improvement",
    }
}


def facts_in_words(facts: Mapping[str, Any], page: Page) -> list[tuple[str, str]]:
    """Give the facts of a candidate as pairs of a name and a value in words; nested ones one by one."""
    return [
        (_name(path, page), _value(path, value, page))
        for path, value in _leaves(facts)
        if value not in (None, {})  # What was not measured says nothing.
    ]


def _leaves(nested: Mapping[str, Any], *before: str) -> list[tuple[tuple[str, ...], Any]]:
    found: list[tuple[tuple[str, ...], Any]] = []
    for key, value in nested.items():
        path = (*before, key)
        found += _leaves(value, *path) if isinstance(value, Mapping) and value else [(path, value)]
    return found


def _name(path: tuple[str, ...], page: Page) -> str:
    """Name the longest known part; what follows it is a name of a method, a label or a setting."""
    for n_parts in range(len(path), 0, -1):
        known = NAMES.get(".".join(path[:n_parts]))
        if known is not None:
            return page.say(": ").join([page.say(known), *path[n_parts:]])
    return page.say(": ").join([path[0].replace("_", " "), *path[1:]])


def _value(path: tuple[str, ...], value: Any, page: Page) -> str:
    words = VALUES.get(path[-1], {})
    if isinstance(value, str) and value in words:
        return page.say(words[value])
    if isinstance(value, int | float) and not isinstance(value, bool):
        for part in reversed(path):
            for ending, write in UNITS.items():
                if part.endswith(ending):
                    return write(value)
    return page.plain(value)
