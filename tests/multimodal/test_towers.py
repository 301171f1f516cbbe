"""What is dropped, padded and calibrated, on numbers of towers alone."""

import numpy as np
import pytest
import torch

from metier.evaluation.softmax import softmax
from metier.multimodal.case_calibration import fit_scales, without_the_other
from metier.multimodal.fusions.bilinear import BILINEAR
from metier.multimodal.fusions.concat import Concatenation, _chosen
from metier.multimodal.fusions.cross_attention import CROSS_ATTENTION, N_REGIONS, VECTOR
from metier.multimodal.fusions.fusion import logits_of
from metier.multimodal.fusions.gated import GATED
from metier.multimodal.joint_head import JointHead
from metier.multimodal.modality_dropout import drop_some, with_dropped
from metier.multimodal.tower_outputs import TowerOutputs, case_of
from metier.tasks.answers import LABEL, LABEL_SET, SCORE
from metier.training.heads.frozen_heads import LABEL_HEAD, LABEL_SET_HEAD, SCORE_HEAD, FittedHead, Rows
from metier.training.heads.linear_probe import fit_probe

N = 240
GIVEN = {
    "C": None,
    "temperature": None,
    "image_weight": None,
    "epochs": None,
    "missing_scales": None,
    "modality_dropout": 0.5,
    "random_state": 0,
}


def rows_of(n, *, seed, image_helps=True):
    """Three labels; of the first two the text knows nothing, and of the last two the image."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, 3, n)
    text, image = random.standard_normal((n, 8)), random.standard_normal((n, 6))
    text[:, 0] += 3 * (truth == 2)
    if image_helps:
        image[:, 0] += 3 * (truth == 0)
    there = np.ones(n, dtype=bool)
    labels = np.array(["a", "b", "c"])[truth]
    outputs = TowerOutputs(text.astype(np.float32), image.astype(np.float32), there, there)
    return Rows(outputs, LABEL.check(list(range(n)), labels))


def same_told_twice(*, seed):
    """Three labels, which the text tells clearly and the image not as clearly."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, 3, N)
    told = np.eye(8)[truth]
    text = 6 * told + random.standard_normal((N, 8))
    image = 2 * told + random.standard_normal((N, 8))
    there = np.ones(N, dtype=bool)
    outputs = TowerOutputs(text.astype(np.float32), image.astype(np.float32), there, there)
    return Rows(outputs, LABEL.check(list(range(N)), np.array(["a", "b", "c"])[truth]))


@pytest.fixture(scope="module")
def rows():
    return rows_of(N, seed=0), rows_of(N, seed=1)


def accuracy(head, outputs, truth):
    return float(np.mean(head.logits(outputs).argmax(axis=1) == truth))


@pytest.mark.parametrize(
    "learner",
    [Concatenation(LABEL_HEAD, ("C", "image_weight")), GATED, BILINEAR],
    ids=["concat", "gated", "bilinear"],
)
def test_a_fusion_uses_both_and_answers_with_either_alone(rows, learner):
    known, held = rows
    head = JointHead(learner).fit(known, held, LABEL, GIVEN)
    found = {
        case: accuracy(head, held.features.showing(case), held.examples.truth)
        for case in ("both", "text", "image")
    }
    assert found["both"] > max(found["text"], found["image"]) + 0.1
    assert min(found["text"], found["image"]) > 0.5
    again = JointHead(learner).fit(known, None, LABEL, GIVEN | head.chosen | head.decoder.chosen)
    # A solver that comes from another strength of the penalty stops at another digit.
    np.testing.assert_allclose(again.logits(held.features), head.logits(held.features), atol=0.05)


@pytest.mark.parametrize("telling", ["text", "image"])
def test_a_thousand_numbers_that_tell_nothing_do_not_drown_the_others(telling):
    """Under one penalty for both, noise in the larger vector is learned before what the smaller one tells."""

    def drawn(n, seed):
        random = np.random.default_rng(seed)
        truth = random.integers(0, 4, n)
        told = 1.5 * np.eye(4, 24)[truth] + random.standard_normal((n, 24))
        noise = random.standard_normal((n, 1000))
        text, image = (told, noise) if telling == "text" else (noise, told)
        there = np.ones(n, dtype=bool)
        outputs = TowerOutputs(text.astype(np.float32), image.astype(np.float32), there, there)
        return Rows(outputs, LABEL.check(list(range(n)), np.array(list("abcd"))[truth]))

    known, held, test = (drawn(n, seed) for n, seed in ((150, 0), (100, 1), (600, 2)))
    head = JointHead(Concatenation(LABEL_HEAD, ("C", "image_weight")))
    found = {
        weight: accuracy(
            head.fit(known, held, LABEL, GIVEN | {"image_weight": weight, "modality_dropout": 0.0}),
            test.features,
            test.examples.truth,
        )
        for weight in (1.0, None)
    }
    own = getattr(known.features, telling)
    alone = fit_probe(
        own, known.examples.truth, validation=(getattr(held.features, telling), held.examples.truth)
    )
    best = np.mean(alone.logits(getattr(test.features, telling)).argmax(axis=1) == test.examples.truth)
    assert found[None] > found[1.0] + 0.1
    assert found[None] > best - 0.03


@pytest.mark.parametrize(
    ("errors", "chosen"),
    [
        ({0.1: 2.0, 0.3: 1.0, 1.0: 0.9, 3.0: 0.899, 10.0: 0.1}, 1.0),  # The next gains too little to go on.
        ({0.03: 0.8, 0.1: 0.7, 0.3: 1.0, 1.0: 1.1}, 0.1),
        ({0.1: 0.999, 0.3: 1.0, 1.0: 1.1}, 0.3),
    ],
)
def test_the_weight_of_the_image_is_where_the_error_falls_no_more(errors, chosen):
    truth = np.linspace(0, 1, 20)
    judged = Rows(truth[:, None], SCORE.check(list(range(20)), truth))
    tried = []

    def fit(weight):
        tried.append(weight)
        return FittedHead(np.ones((1, 1)), np.array([errors[weight] ** 0.5]), None)

    assert _chosen(fit, judged, SCORE, None)[0] == chosen
    assert set(tried) <= set(errors)
    assert _chosen(fit, None, SCORE, None)[0] == 0.3
    assert _chosen(fit, judged, SCORE, 1.0)[0] == 1.0


@pytest.mark.parametrize("answer", ["label", "label_set", "score"])
def test_a_small_factor_holds_a_number_back(answer):
    """Two numbers that tell the same: the penalty leaves the one with the larger factor most of the weight."""
    random = np.random.default_rng(0)
    told = random.standard_normal(200)
    features = np.stack([told, told], axis=1).astype(np.float32)
    kinds = {
        "label": (LABEL, LABEL_HEAD, np.where(told > 0, "a", "b"), {"C": 0.1, "temperature": 1.0}),
        "label_set": (LABEL_SET, LABEL_SET_HEAD, [["a"] if one > 0 else ["b"] for one in told], {"C": 0.1}),
        "score": (SCORE, SCORE_HEAD, told, {"penalty": 0.3}),
    }
    kind, head, targets, settings = kinds[answer]
    rows = Rows(features, kind.check(list(range(200)), targets), np.array([1.0, 0.1]))
    given = {"random_state": 0, "rule": None, "half_width": None, "coverage": 0.9, **settings}
    weight = np.abs(head.fit(rows, None, kind, given).weight)
    assert (weight[:, 0] > 50 * weight[:, 1]).all()


def test_without_dropout_the_weaker_one_alone_is_answered_worse():
    """Where the text tells everything that the image tells, a method that always saw both does not look at the image."""
    losses = {}
    for share in (0.0, 0.5):
        known, held = same_told_twice(seed=0), same_told_twice(seed=1)
        head = JointHead(Concatenation(LABEL_HEAD, ("C", "image_weight"))).fit(
            known, held, LABEL, GIVEN | {"modality_dropout": share}
        )
        logits = head.logits(held.features.showing("image")) / head.decoder.temperature
        losses[share] = -np.mean(np.log(softmax(logits)[np.arange(N), held.examples.truth]))
    assert losses[0.5] < losses[0.0] - 0.02


def test_what_lost_a_modality_is_less_sure(rows):
    known, held = rows
    learned = Concatenation(LABEL_HEAD, ("C", "image_weight")).learn(
        known, held, LABEL, GIVEN | {"modality_dropout": 0.0}
    )
    scales = fit_scales(without_the_other(learned.module, held), LABEL, learned.decoder)
    assert set(scales) == {"text", "image"}
    for case in ("text", "image"):
        logits = logits_of(learned.module, held.features.showing(case)) / learned.decoder.temperature
        losses = [
            -np.mean(np.log(softmax(scale * logits)[np.arange(N), held.examples.truth]))
            for scale in (1.0, scales[case])
        ]
        assert losses[1] <= losses[0] + 1e-6


def test_what_each_tells_by_itself_is_learned_beside_the_products():
    """Ten labels, of which the text tells the half that a label is in and the image its place there: nothing multiplies."""

    def drawn(n, seed):
        random = np.random.default_rng(seed)
        truth = random.integers(0, 10, n)
        text, image = random.standard_normal((n, 100)), random.standard_normal((n, 200))
        text += 2.5 * np.eye(2, 100)[truth // 5]
        image += 2.5 * np.eye(5, 200)[truth % 5]
        there = np.ones(n, dtype=bool)
        outputs = TowerOutputs(text.astype(np.float32), image.astype(np.float32), there, there)
        return Rows(outputs, LABEL.check(list(range(n)), np.array(list("abcdefghij"))[truth]))

    known, held, test = (drawn(n, seed) for n, seed in ((300, 0), (150, 1), (500, 2)))
    found = {
        name: accuracy(JointHead(learner).fit(known, held, LABEL, GIVEN), test.features, test.examples.truth)
        for name, learner in (
            ("products", BILINEAR),
            ("concat", Concatenation(LABEL_HEAD, ("C", "image_weight"))),
        )
    }
    assert found["products"] > found["concat"] - 0.1


def test_dropped_rows_are_copies_that_lack_one(rows):
    known, _ = rows
    more = with_dropped(known, 0.25, random_state=0)
    assert len(more.examples) == N + 2 * N // 4
    assert np.bincount(case_of(more.features)).tolist() == [N, N // 4, N // 4]
    assert with_dropped(known, 0.0, random_state=0) is known
    some = drop_some(known.features, 0.5, np.random.RandomState(0))
    cases = np.bincount(case_of(some), minlength=3) / N
    assert 0.35 < cases[0] < 0.65
    assert not some.text[case_of(some) == 2].any()


def test_padding_changes_no_answer_and_a_missing_part_is_no_zero():
    random = np.random.default_rng(0)
    n, size, regions = 24, 8, 4
    tokens = tuple(
        random.standard_normal((length, size)).astype(np.float32) for length in random.integers(1, 9, n)
    )
    image = random.standard_normal((n, VECTOR + N_REGIONS * regions)).astype(np.float32)
    there = np.ones(n, dtype=bool)
    outputs = TowerOutputs(np.stack([one.mean(axis=0) for one in tokens]), image, there, there, tokens)
    known = Rows(outputs, LABEL.check(list(range(n)), ["a", "b"] * (n // 2)))
    module = CROSS_ATTENTION.learn(known, None, LABEL, GIVEN | {"epochs": 2}).module
    together = logits_of(module, outputs)
    alone = np.concatenate([logits_of(module, outputs[np.array([row])]) for row in range(n)])
    np.testing.assert_allclose(together, alone, atol=1e-4)
    with torch.inference_mode():
        text, images, has_text, has_image = outputs.tensors()
        without = module(text * 0, images, has_text * 0, has_image).numpy()
    shorter = logits_of(module, outputs.showing("image"))
    np.testing.assert_allclose(without, shorter, atol=1e-4)
    assert np.abs(without - together).max() > 1e-3
