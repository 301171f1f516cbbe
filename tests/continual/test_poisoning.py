"""Poisoned feedback is held back with its reason, true corrections are learned, and the limits of a key hold."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import fisher_exact
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from metier.continual.poisoning import Corrections, PoisoningSettings, Trusted, screen
from metier.continual.poisoning.conformity import correction_p_values
from metier.continual.poisoning.keys import keys_against
from metier.continual.poisoning.limits import beyond_influence, beyond_rate
from metier.continual.poisoning.pairs import fisher_p
from metier.errors import DataError


@pytest.fixture(scope="module")
def asked(banking77):
    """Feedback of many keys on answers to real questions of twelve labels, all of it true, and trusted rows."""
    texts, labels = some_questions(*banking77("train"))
    vectors = make_pipeline(TfidfVectorizer(sublinear_tf=True), TruncatedSVD(64, random_state=0)).fit_transform(
        texts
    )
    model = LogisticRegression(C=5).fit(vectors[:240], labels[:240])
    answered = model.predict(vectors)
    trusted = Trusted(
        vectors[:240],
        labels[:240].tolist(),
        vectors[240:700],
        labels[240:700].tolist(),
        answered[240:700].tolist(),
    )
    random, n = np.random.default_rng(0), len(texts) - 700
    corrections = Corrections(
        [f"p{row}" for row in range(n)],
        [f"key-{row}" for row in random.integers(0, 120, n)],
        np.sort(random.uniform(0, 86_400 * 20, n)),
        answered[700:].tolist(),
        labels[700:].tolist(),
        vectors[700:],
    )
    return corrections, trusted


def some_questions(texts, labels):
    texts, labels = np.asarray(texts), np.asarray(labels)
    some = np.isin(labels, sorted(set(labels))[:12])
    order = np.random.default_rng(1).permutation(int(some.sum()))
    return texts[some][order].tolist(), labels[some][order]


def flipped(corrections, rows, said, key):
    """The same with other labels for some rows, all from one key or each two from one."""
    labels, keys = list(corrections.said), list(corrections.keys)
    for place, row in enumerate(rows):
        labels[row] = said(labels[row], place)
        keys[row] = key(place)
    return replace(corrections, said=labels, keys=keys)


def of(found, reason):
    return {one.row for one in found.held if one.reason == reason}


def test_true_corrections_are_mostly_learned(asked):
    corrections, trusted = asked
    found = screen(corrections, trusted)
    changed = corrections.changed
    assert changed.sum() > 50
    assert found.accepted[~changed].all()
    assert np.mean(~found.accepted[changed]) <= 0.2
    assert not of(found, "key")
    assert not of(found, "pair")


def test_a_share_of_true_corrections_has_so_small_a_p_value(asked):
    corrections, trusted = asked
    p_values = correction_p_values(corrections, trusted)
    own = p_values[corrections.changed]
    for share in (0.1, 0.3, 0.5):
        assert np.mean(own <= share) <= share + 0.12
    assert (p_values[~corrections.changed] == 1).all()


def test_random_flips_of_one_key_are_held_back(asked):
    corrections, trusted = asked
    names = trusted.known
    rows = list(range(0, len(corrections), 20))
    attacked = flipped(
        corrections,
        rows,
        lambda label, place: names[(names.index(label) + 1 + place % 11) % 12],
        lambda place: "mallory",
    )
    found = screen(attacked, trusted)
    assert of(found, "key") >= {row for row in rows if attacked.changed[row]}
    [one] = {each.sentence for each in found.held if each.reason == "key"}
    assert "corrections of key mallory contradict trusted rows" in one


def test_many_keys_that_move_one_label_are_held_back(asked):
    corrections, trusted = asked
    names = trusted.known
    rows = [row for row, label in enumerate(corrections.said) if label == names[0]]
    attacked = flipped(corrections, rows, lambda label, place: names[1], lambda place: f"m{place}")
    found = screen(attacked, trusted)
    moved = {row for row in rows if attacked.answered[row] == names[0]}
    assert of(found, "pair") | of(found, "outlier") >= moved
    assert len(of(found, "pair") & moved) > len(moved) / 2
    assert any(f"answers {names[0]} were corrected to {names[1]}" in one.sentence for one in found.held)


def test_nothing_is_lost(asked):
    corrections, trusted = asked
    found = screen(
        corrections,
        trusted,
        PoisoningSettings(corrections_per_day=2, least_influence=1, influence_fraction=0.01),
    )
    held = [one.row for one in found.held]
    assert sorted(held) == held
    assert len(set(held)) == len(held)
    assert len(held) + found.accepted.sum() == len(corrections)
    assert set(found.counts) >= {"rate", "influence"}


def test_a_label_without_trusted_rows_is_refused(asked):
    corrections, trusted = asked
    with pytest.raises(DataError, match="says 'new_label', and no trusted row has that label"):
        screen(replace(corrections, said=["new_label", *corrections.said[1:]]), trusted)


def test_too_few_trusted_rows_are_said(asked):
    corrections, trusted = asked
    few = replace(
        trusted, features=trusted.features[:5], labels=trusted.labels[:5], answered=trusted.labels[:5]
    )
    found = screen(corrections, few)
    assert found.notes == (
        "single corrections and keys are not tested: 0 trusted rows are answered wrong, and 9 would tell",
    )
    assert not of(found, "outlier")


def test_a_day_has_so_many_corrections():
    hours = np.asarray([0.0, 1, 2, 3, 24, 25.5]) * 3600
    found = beyond_rate(["a"] * 6, hours, per_day=2)
    assert found.tolist() == [False, False, True, True, False, False]


def test_a_key_adds_a_share_of_a_label():
    counted = np.asarray([True, True, False, True, True])
    found = beyond_influence(["a", "a", "a", "a", "b"], ["x"] * 5, counted, {"x": 8}, fraction=0.25, least=1)
    assert found.tolist() == [False, False, False, True, False]


def test_evidence_against_keys_counts_how_many_there_are():
    assert keys_against({"a": 50.0, "b": 1.0, "c": 1.0}, false_alarms=0.05) == []
    assert keys_against({"a": 61.0, "b": 1.0, "c": 1.0}, false_alarms=0.05) == ["a"]
    assert keys_against({"a": 61.0, "b": 31.0, "c": 1.0}, false_alarms=0.05) == ["a", "b"]


@pytest.mark.parametrize("table", [(5, 20, 1, 30), (1, 3, 0, 100), (50, 55, 0, 10), (2, 2, 5, 5), (0, 7, 3, 9)])
def test_fishers_test_is_the_one_of_scipy(table):
    count, size, other, other_size = table
    expected = fisher_exact([[count, size - count], [other, other_size - other]], alternative="greater").pvalue
    assert fisher_p(*table) == pytest.approx(expected, rel=1e-9)
