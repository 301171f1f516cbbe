"""What is said of settings follows from the rows."""

import pytest

from metier.selection.planned import Planned
from metier.selection.reasons import reasons_of
from metier.transformer.tuned.encoder import Encoder


def planned(tiny_base, **settings):
    return Planned("encoder.v1", Encoder(base=str(tiny_base), **settings), epochs=2)


def test_rate_epochs_and_lengths_are_those_of_the_rows(tiny_base):
    items, targets = ["my card never came"] * 300, ["card", "cash", "loan"] * 100
    rate, lengths, labels = reasons_of([planned(tiny_base)], items, targets)
    assert "2 epochs (of 3, as many as fit into the budget)" in rate
    # Six tokens a text, 300 texts twice, 1,024 in a batch.
    assert "for 4 steps" in rate
    assert "at most 6 tokens" in lengths
    assert "none is longer" in lengths
    assert "1.0 times" in labels


def test_long_texts_and_rare_labels_are_named(tiny_base):
    items, targets = ["word " * 600, *["a short one"] * 99], ["rare", *["common"] * 99]
    said = reasons_of([planned(tiny_base, learning_rate=1e-4)], items, targets)
    assert "learning rate 0.0001 (its default)" in said[0]
    assert "1.0% are longer and are read in windows" in said[1]
    assert "class_weights=balanced" in said[2]


@pytest.mark.parametrize("change", [{"why_dropped": "no time"}, {"epochs": None}])
def test_nothing_is_said_of_what_does_not_run(tiny_base, change):
    one = planned(tiny_base)
    for name, value in change.items():
        setattr(one, name, value)
    assert reasons_of([one], ["a text"], ["a"]) == []
