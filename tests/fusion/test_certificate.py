import json
from dataclasses import asdict

import numpy as np
import pytest
from scipy.stats import binom

from metier.errors import EmptyDataError
from metier.evaluation import net_loss_p_value
from metier.fusion import certify_cascade
from metier.fusion.certificate import DECLARED_THRESHOLDS


def sampled(rng, rows, *, loss, win):
    """Answers of two methods; a row of confidence c is a loss with chance loss(c), a win with chance win(c)."""
    sure = rng.uniform(0.5, 1, rows)
    chance = rng.random(rows)
    is_loss, is_win = chance < loss(sure), chance > 1 - win(sure)
    truth = is_win.astype(int)  # Label 0 is right but for wins, where only the cheap method says 1.
    cheap = np.where(is_loss | is_win, 1, 0)
    probabilities = np.column_stack(
        [np.where(cheap == 0, sure, 1 - sure), np.where(cheap == 1, sure, 1 - sure)]
    )
    return probabilities, np.tile([0.9, 0.1], (rows, 1)), truth


def true_loss(threshold, *, loss, win):
    """Accuracy lost at a threshold: the integral over the confidences that are kept."""
    sure = np.linspace(0.5, 1, 20_001)
    return float(np.mean(np.where(sure >= threshold, loss(sure) - win(sure), 0)))


@pytest.mark.parametrize("wins", [0.0, 0.03])
def test_a_threshold_that_loses_more_than_the_margin_is_certified_as_rarely_as_promised(wins):
    rng = np.random.default_rng(0)
    shape = {"loss": lambda sure: 0.3 * (1 - sure) + wins, "win": lambda sure: np.full_like(sure, wins)}
    thresholds = [0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5]
    samples, margin, false = 300, 0.02, 0
    kept = []
    for _ in range(samples):
        certificate = certify_cascade(*sampled(rng, 500, **shape), margin=margin, thresholds=thresholds)
        if certificate.threshold is not None:
            false += true_loss(certificate.threshold, **shape) > margin
            kept.append(certificate.kept_fraction)
    assert false <= binom.ppf(0.999, samples, 0.05)
    # It would be easy to be right by never certifying.
    assert len(kept) > samples / 2
    assert np.mean(kept) > 0.2


def test_it_is_the_last_declared_threshold_before_the_first_that_fails():
    cheap, big, truth = sampled(
        np.random.default_rng(1), 2000, loss=lambda c: 0.2 * (1 - c), win=lambda c: 0 * c + 0.01
    )
    certificate = certify_cascade(cheap, big, truth, margin=0.01)
    passes = []
    for threshold in DECLARED_THRESHOLDS:
        kept = cheap.max(axis=1) >= threshold
        big_only = kept & (big.argmax(axis=1) == truth) & (cheap.argmax(axis=1) != truth)
        cheap_only = kept & (big.argmax(axis=1) != truth) & (cheap.argmax(axis=1) == truth)
        passes.append(net_loss_p_value(int(big_only.sum()), int(cheap_only.sum()), 2000, margin=0.01) <= 0.05)
        if not passes[-1]:
            break
    assert 0.01 < certificate.kept_fraction < 0.9
    assert certificate.threshold == DECLARED_THRESHOLDS[len(passes) - 2]
    assert certificate.tests == len(passes)
    kept = cheap.max(axis=1) >= certificate.threshold
    answered = np.where(kept, cheap.argmax(axis=1), big.argmax(axis=1))
    assert certificate.cascade_accuracy == pytest.approx(np.mean(answered == truth))
    assert certificate.kept_fraction == pytest.approx(kept.mean())
    assert certificate.big_accuracy - certificate.cascade_accuracy == pytest.approx(
        (certificate.losses - certificate.wins) / 2000
    )
    assert certificate.net_loss_upper_bound <= 0.01
    assert certificate.reason == ""


def test_the_thresholds_are_declared_from_the_strictest_down():
    assert list(DECLARED_THRESHOLDS) == sorted(DECLARED_THRESHOLDS, reverse=True)
    assert DECLARED_THRESHOLDS[0] > 0.99999
    assert DECLARED_THRESHOLDS[-1] == 0


def test_a_cheap_method_as_good_as_the_big_one_keeps_everything():
    cheap, big, truth = sampled(np.random.default_rng(2), 700, loss=lambda c: 0 * c, win=lambda c: 0 * c)
    certificate = certify_cascade(cheap, big, truth)
    assert (certificate.threshold, certificate.kept_fraction) == (0.0, 1.0)


def test_too_few_rows_say_how_many_are_needed():
    cheap, big, truth = sampled(np.random.default_rng(3), 597, loss=lambda c: 0 * c, win=lambda c: 0 * c)
    certificate = certify_cascade(cheap, big, truth)
    assert certificate.threshold is None
    assert certificate.kept_fraction == 0
    assert certificate.cascade_accuracy == certificate.big_accuracy
    assert certificate.reason == (
        "a cascade does not pay here: 597 rows can never certify a loss of at most 0.5 points; 598 are needed"
    )


def test_a_cheap_method_that_is_sure_and_wrong_is_never_certified():
    cheap, big, truth = sampled(np.random.default_rng(4), 2000, loss=lambda c: 0 * c + 0.3, win=lambda c: 0 * c)
    certificate = certify_cascade(cheap, big, truth)
    assert certificate.threshold is None
    assert certificate.reason.startswith("a cascade does not pay here: on the ")
    assert f"loses {certificate.losses} that the big one has right and wins 0" in certificate.reason
    assert certificate.net_loss_upper_bound > 0.005


def test_a_certified_crumb_is_not_worth_a_cascade():
    # Right where it is surest, on about 1 % of the rows, and wrong below.
    shape = {"loss": lambda c: 0.5 * (c < 0.995), "win": lambda c: 0 * c}
    certificate = certify_cascade(*sampled(np.random.default_rng(9), 2000, **shape))
    assert certificate.threshold is None
    assert certificate.tests > 80


def test_thresholds_that_keep_hardly_anything_are_not_worth_a_cascade():
    answers = sampled(np.random.default_rng(10), 2000, loss=lambda c: 0 * c, win=lambda c: 0 * c)
    certificate = certify_cascade(*answers, thresholds=[0.999, 0.99])
    assert certificate.threshold is None
    assert certificate.reason.startswith(
        "a cascade does not pay here: at the lowest threshold to be tried, 0.99,"
    )
    with pytest.raises(ValueError, match="Expected thresholds"):
        certify_cascade(*answers, thresholds=[])


def test_out_of_fold_rows_are_more_rows_and_are_owned_up_to():
    rng = np.random.default_rng(5)
    shape = {"loss": lambda c: 0.05 * (1 - c), "win": lambda c: 0 * c + 0.002}
    few, more = sampled(rng, 700, **shape), sampled(rng, 5000, **shape)
    alone, widened = certify_cascade(*few), certify_cascade(*few, out_of_fold=more)
    joined = certify_cascade(*(np.concatenate(parts) for parts in zip(few, more, strict=True)))
    assert widened.kept_fraction > alone.kept_fraction
    assert (widened.threshold, widened.losses, widened.wins) == (joined.threshold, joined.losses, joined.wins)
    assert (widened.rows, widened.out_of_fold_rows, alone.out_of_fold_rows) == (5700, 5000, 0)
    assert "5,000 of the rows are out-of-fold" in widened.assumes
    assert "out-of-fold" not in alone.assumes


def test_a_smaller_margin_or_a_higher_confidence_keeps_no_more():
    answers = sampled(np.random.default_rng(6), 3000, loss=lambda c: 0.1 * (1 - c), win=lambda c: 0 * c + 0.005)
    kept = certify_cascade(*answers, margin=0.01).kept_fraction
    assert certify_cascade(*answers, margin=0.005).kept_fraction < kept
    assert certify_cascade(*answers, margin=0.01, confidence=0.999).kept_fraction < kept


def test_a_certificate_can_be_written_as_json():
    cheap, big, truth = sampled(np.random.default_rng(7), 700, loss=lambda c: 0 * c, win=lambda c: 0 * c)
    written = json.loads(json.dumps(asdict(certify_cascade(cheap, big, truth)), allow_nan=False))
    assert written["margin"] == 0.005
    assert written["rows"] == 700


def test_answers_to_other_rows_no_rows_and_impossible_settings_are_refused():
    cheap, big, truth = sampled(np.random.default_rng(8), 10, loss=lambda c: 0 * c, win=lambda c: 0 * c)
    with pytest.raises(ValueError, match=r"\(10, 2\) and \(9, 2\)"):
        certify_cascade(cheap, big[:9], truth)
    with pytest.raises(EmptyDataError):
        certify_cascade(cheap[:0], big[:0], truth[:0])
    with pytest.raises(ValueError, match="margin between 0 and 1"):
        certify_cascade(cheap, big, truth, margin=0)
    with pytest.raises(ValueError, match="Expected a confidence"):
        certify_cascade(cheap, big, truth, confidence=95)


@pytest.mark.parametrize("alike", [0.3, 1.0])
def test_groups_of_rows_are_certified_falsely_as_rarely_as_promised(alike):
    rng = np.random.default_rng(11)
    shape = {"loss": lambda sure: 0.3 * (1 - sure), "win": lambda sure: 0 * sure}
    thresholds = [0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5]
    samples, margin, false, found = 150, 0.02, 0, 0
    groups = np.arange(3000) // 6
    for _ in range(samples):
        rows = np.where(rng.random(3000) < np.sqrt(alike), groups, 500 + np.arange(3000))
        answers = [one[rows] for one in sampled(rng, 3500, **shape)]
        certificate = certify_cascade(*answers, margin=margin, thresholds=thresholds, groups=groups)
        if certificate.threshold is not None:
            found += 1
            false += true_loss(certificate.threshold, **shape) > margin
    assert certificate.effective_rows == 500
    assert false <= binom.ppf(0.999, samples, 0.05)
    assert found > samples / 3


def test_a_certificate_of_groups_says_how_many_there_are_or_how_many_it_would_need():
    answers = sampled(np.random.default_rng(12), 2000, loss=lambda c: 0 * c, win=lambda c: 0 * c)
    certified = certify_cascade(*answers, margin=0.01, groups=np.arange(2000) // 4)
    assert certified.threshold is not None
    assert certified.assumes.endswith("The 2,000 rows are of 500 groups, and count as 500 rows.")
    assert "accuracy" in certified.assumes
    assert "before any refit" in certified.assumes
    refused = certify_cascade(*answers, groups=np.arange(2000) // 4)
    assert refused.reason == (
        "a cascade does not pay here: 500 groups of rows can never certify a loss of at most 0.5 points; 598 are "
        "needed"
    )
    assert certify_cascade(*answers, groups=np.arange(2000)) == certify_cascade(*answers)
