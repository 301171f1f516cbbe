"""One string, one objective: what it means, and what it is refused for."""

import numpy as np
import pytest
import torch

from metier.errors import SettingsError
from metier.training.objectives import compose, cross_entropy
from metier.training.objectives.adversarial import fgm, pgd
from metier.training.objectives.composition import parse
from metier.training.objectives.focal import focal
from metier.training.objectives.r_drop import r_drop
from metier.training.objectives.simcse import simcse
from metier.training.objectives.supervised_contrastive import supervised_contrastive
from metier.transformer.tuned.encoder import Encoder, EncoderSettings


def test_the_string_is_read():
    assert parse("focal:3 + pgd:0.5:4") == {"focal": {"focusing": 3.0}, "pgd": {"size": 0.5, "steps": 4.0}}
    assert parse("r_drop") == {"r_drop": {"weight": 0.5}}


WRITTEN = {
    "focal:2+r_drop:0.5+fgm:1+supcon:0.3": lambda: fgm(
        r_drop(supervised_contrastive(focal(focusing=2.0, label_smoothing=0.1), weight=0.3), weight=0.5),
        size=1.0,
    ),
    "fgm:2": lambda: fgm(cross_entropy(label_smoothing=0.1), size=2.0),
    "pgd:1:2+cross_entropy": lambda: pgd(cross_entropy(label_smoothing=0.1), size=1.0, steps=2),
    "simcse:0.2": lambda: (
        lambda model, batch: cross_entropy(label_smoothing=0.1)(model, batch) + 0.2 * simcse()(model, batch)
    ),
}


@pytest.mark.parametrize("text", WRITTEN)
def test_it_means_the_functions_put_on_one_another(taught, text):
    model, rows, _ = taught.start(dropout=0.1)
    batch = rows.batch(np.arange(16))
    losses = []
    model.train()
    for objective in (compose(text, label_smoothing=0.1), WRITTEN[text]()):
        torch.manual_seed(3)
        losses.append(float(objective(model, batch).detach()))
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


REFUSED = {
    "rdrop:1": "'rdrop', expected one of cross_entropy, focal, mixup",
    "focal+": "an empty term",
    "focal:x": "focusing is 'x', expected a number",
    "focal:-1": "focusing is -1, expected a number from 0",
    "supcon:2": "weight is 2, expected a number from 0 to 1",
    "pgd:1:2.5": "steps is 2.5, expected a whole number from 1 to 20",
    "fgm:0": "size is 0, expected a number above 0",
    "focal:1:2": "2 numbers; it takes focusing",
    "cross_entropy:1": "1 numbers; it takes no number",
    "fgm+fgm": "fgm twice",
    "fgm+pgd": "keep one",
    "focal+cross_entropy": "both losses of the answers",
    "mixup+r_drop": "mixup and r_drop",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_wrong_is_said(text):
    with pytest.raises(SettingsError) as told:
        parse(text)
    assert REFUSED[text] in str(told.value)


def test_faults_of_the_objective_are_told_with_the_others():
    with pytest.raises(SettingsError) as told:
        EncoderSettings.of(Encoder(epochs=0, objective="r_drop:1+focal:-1", class_weights="heavy"))
    for part in ("epochs is 0", "set dropout to 0.1", "focusing is -1", "expected None or 'balanced'"):
        assert part in str(told.value)


@pytest.mark.parametrize(
    ("objective", "adaptation", "told"),
    [
        ("fgm", "top:1", "freezes"),
        ("mixup", "head", "freezes"),
        ("ewc", "lora:4", "does not train them"),
    ],
)
def test_what_an_adaptation_leaves_nothing_to_do_is_refused(objective, adaptation, told):
    with pytest.raises(SettingsError, match=told):
        EncoderSettings.of(Encoder(objective=objective, old_rows=["a"], adaptation=adaptation))
    EncoderSettings.of(Encoder(objective=objective, old_rows=["a"], adaptation="full"))


def test_without_rows_of_what_is_to_be_kept_there_is_nothing_to_hold():
    with pytest.raises(
        SettingsError,
        match="needs rows of the earlier training to estimate which weights matter; give them as old_rows",
    ):
        EncoderSettings.of(Encoder(objective="cross_entropy+ewc:100"))


def test_an_encoder_learns_by_the_string(tiny_base, queries):
    texts, labels = queries
    settings = {"base": str(tiny_base), "epochs": 1, "C": 0.01, "learning_rate": 1e-4}
    text = "focal:1+r_drop:1+fgm:1+supcon:0.2+ewc:10"
    method = Encoder(objective=text, old_rows=texts[130:140], class_weights="balanced", dropout=0.1, **settings)
    method.fit(texts[:60], labels[:60], validation=(texts[60:90], labels[60:90]))
    plain = Encoder(**settings).fit(texts[:60], labels[:60], validation=(texts[60:90], labels[60:90]))
    assert np.mean(method.predict(texts[90:130]) == np.array(labels[90:130])) > 0.6
    assert np.abs(method.predict_proba(texts[:5]) - plain.predict_proba(texts[:5])).max() > 1e-4


def test_a_teacher_that_is_not_there_is_missed(tiny_base, queries):
    texts, labels = queries
    method = Encoder(base=str(tiny_base), epochs=1, objective="distillation", C=0.01)
    with pytest.raises(SettingsError, match="none were given"):
        method.fit(texts[:40], labels[:40], validation=(texts[40:60], labels[40:60]))


@pytest.mark.parametrize("objective", ["cross_entropy", "distillation:1:1"])
def test_an_encoder_learns_soft_labels(tiny_base, queries, objective):
    """Told that every row may as well be of the first label, it believes so; told nothing, it does not."""
    texts, labels = queries
    classes = sorted(set(labels))
    soft = 0.4 * np.eye(len(classes))[np.searchsorted(classes, labels[:60])]
    soft[:, 0] += 0.6
    method = Encoder(base=str(tiny_base), epochs=1, C=0.01, learning_rate=3e-4, objective=objective)
    method.fit(texts[:60], labels[:60], validation=(texts[60:90], labels[60:90]), soft=soft)
    assert np.mean(method.predict(texts[90:120]) == classes[0]) > 0.6


def test_soft_labels_of_another_shape_are_refused(tiny_base, queries):
    texts, labels = queries
    method = Encoder(base=str(tiny_base))
    with pytest.raises(SettingsError, match=r"shape is \(60, 2\), expected \(60, 6\)"):
        method.fit(texts[:60], labels[:60], soft=np.full((60, 2), 0.5))
    with pytest.raises(SettingsError, match="row 0 holds"):
        method.fit(texts[:60], labels[:60], soft=np.full((60, 6), 0.5))
