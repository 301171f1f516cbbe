"""A stack learns which member to believe about which label, and is compared by answers of fits that did not see the row."""

import numpy as np
import pytest

from metier.classical import TfidfLinear
from metier.evaluation import log_loss, softmax
from metier.fusion.average import fit_average
from metier.fusion.stacked import export_stack, fit_stack
from metier.predictors import load_predictor
from metier.predictors.composite.stacked import evidence_of

N = 600
LABELS = ("a", "b", "c", "d")


def two_members(seed):
    """Two members: one knows a from b, the other c from d; both know which pair it is."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, 4, N)
    members = []
    for knows in (0, 1):
        logits = random.standard_normal((N, 4))
        pair = truth // 2
        logits[np.arange(N)[:, None], 2 * pair[:, None] + np.array([0, 1])] += 2
        logits[np.arange(N), truth] += np.where(pair == knows, 3, 0)
        members.append(softmax(logits))
    return members, truth


def test_it_believes_each_member_about_what_it_knows():
    known, truth = two_members(0)
    unseen, answers = two_members(1)
    fit, held_out, C = fit_stack(known, truth, labels=LABELS)
    logits = evidence_of(unseen) @ np.array(fit.weight).T + fit.bias
    found = softmax(logits / fit.temperature)
    assert C > 0
    assert log_loss(found, answers) < log_loss(fit_average(known, truth).pool(unseen), answers)
    # What it is compared by is what it does on rows that it has not seen.
    assert log_loss(held_out, truth) == pytest.approx(log_loss(found, answers), abs=0.1)


def test_what_is_exported_answers_as_the_fit_does(tmp_path):
    texts = [f"{word} {number}" for number in range(12) for word in ("card lost", "rate of exchange", "top up")]
    labels = ["lost", "rate", "top"] * 12
    folders, answers = [], []
    for number, model in enumerate(("svc", "logistic")):
        folder = tmp_path / str(number)
        folder.mkdir()
        method = TfidfLinear(model=model, C=1.0, temperature=0.5).fit(texts, labels)
        method.export(folder)
        folders.append(folder)
        answers.append(method.predict_proba(texts))
    truth = np.array([("lost", "rate", "top").index(label) for label in labels])
    fit, _, _ = fit_stack(answers, truth, labels=("lost", "rate", "top"))
    export_stack(fit, folders, tmp_path / "stack", name="stacked.v1")
    predictor = load_predictor(tmp_path / "stack")
    found = predictor.predict(texts)
    logits = evidence_of(answers) @ np.array(fit.weight).T + fit.bias
    np.testing.assert_allclose(found.probabilities, softmax(logits / fit.temperature), atol=1e-3)
    assert list(found.predicted) == labels
