"""Settings that were derived from the rows, and why: reported before training."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from metier.bases.known_bases import load_tokenizer, resolve_base
from metier.selection.planned import Planned
from metier.text.given_texts import text_of
from metier.training.learning_rate import default_learning_rate

SAMPLED_ROWS = 2_000
# Labels so many times rarer than the most frequent are mostly passed over by a loss that counts every row alike.
SKEWED = 10


def reasons_of(
    planned: Sequence[Planned], items: Sequence[Any], targets: Sequence[Any], *, language: str | None = None
) -> list[str]:
    """Say of the most expensive candidate that is fine-tuned how long, how fast and on what it learns.

    Parameters
    ----------
    planned : sequence of Planned
        Cheap first.
    items, targets : sequence
        Training rows.
    language : str, optional
        Of most of them: what the base `auto` is.
    """
    tuned = [one for one in planned if one.epochs is not None and one.runs and _has_rate(one)]
    if not tuned:
        return []
    return [*_of_length(tuned[-1], items, language), *_of_labels(tuned[-1], targets)]


def _has_rate(one: Planned) -> bool:
    assert one.method is not None  # Only what runs.
    return {"learning_rate", "token_budget", "layer_decay"} <= set(one.method.get_params(deep=False))


def _of_length(one: Planned, items: Sequence[Any], language: str | None) -> list[str]:
    assert one.method is not None  # Only what runs.
    assert one.epochs is not None
    settings = one.method.get_params(deep=False)
    texts = [text_of(item) for item in items[:: max(1, len(items) // SAMPLED_ROWS)]]
    base = resolve_base(settings["base"], language=language)
    tokenizer = load_tokenizer(base)
    tokenizer.no_truncation()
    lengths = np.array([len(found.ids) for found in tokenizer.encode_batch(texts)])
    steps = max(1, round(one.epochs * lengths.mean() * len(items) / settings["token_budget"]))
    rate = settings["learning_rate"]
    why = (
        f"for {steps:,} {'step' if steps == 1 else 'steps'}; the more steps, the lower the rate"
        if rate is None
        else "its default"
    )
    rate = default_learning_rate(steps, optimizer=settings["optimizer"]) if rate is None else rate
    most = one.method.__class__().get_params(deep=False)["epochs"]
    epochs = "its default" if one.epochs == most else f"of {most}, as many as fit into the budget"
    longer = float((lengths > base.max_length).mean())
    windows = f"{longer:.1%} are longer and are read in windows" if longer else "none is longer"
    return [
        f"{one.name}: learning rate {rate:.2g} ({why}), {one.epochs} epochs ({epochs}), batches of "
        f"{settings['token_budget']:,} tokens",
        f"{one.name}: 95 % of the texts have at most {np.percentile(lengths, 95):.0f} tokens; the base reads "
        f"{base.max_length}, {windows}",
    ]


def _of_labels(one: Planned, targets: Sequence[Any]) -> list[str]:
    assert one.method is not None  # Only what runs.
    settings = one.method.get_params(deep=False)
    if "class_weights" not in settings or not all(isinstance(target, str) for target in targets):
        return []
    counts = sorted(Counter(targets).values())
    times = counts[-1] / counts[0]
    if settings["class_weights"] is not None:
        return [f"{one.name}: class weights {settings['class_weights']}, as set"]
    if times < SKEWED:
        return [
            f"{one.name}: no class weights, for the most frequent label has {times:.1f} times the rows of the rarest"
        ]
    short = one.name.rpartition(".v")[0]
    return [
        f"{one.name}: no class weights though the most frequent label has {times:.0f} times the rows of the rarest: "
        "every row counts alike, as in accuracy; if rare labels count as much, "
        f"--set methods.{short}.class_weights=balanced"
    ]
