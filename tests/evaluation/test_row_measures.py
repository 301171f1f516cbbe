import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from metier.errors import EmptyDataError, UnknownNameError
from metier.evaluation import bootstrap_interval, compare, equivalent, net_loss_upper_bound
from metier.evaluation.intervals import fraction_interval, percentile_interval
from metier.evaluation.metrics import METRICS
from metier.evaluation.row_measures import (
    MEASURES,
    better,
    comparison_of,
    describe_metric,
    find_measure,
    higher_is_better,
    interval_of,
    is_fraction,
    measure,
    row_comparison,
    row_interval,
    rows_correct,
)

WORDS = [
    "the",
    "cat",
    "sat",
    "on",
    "a",
    "mat",
    "while",
    "rain",
    "fell",
    "over",
    "every",
    "roof",
    "of",
    "our",
    "old",
]
RELATIONS = ["Cause-Effect(e1,e2)", "Cause-Effect(e2,e1)", "Product-Producer(e1,e2)", "Other"]


def draw_rows(name, rows, rng):
    """Draw truth and two sets of answers of the shape that a measure takes, the first set the better one."""
    draw = SHAPES[next(shape for shape in SHAPES if name.startswith(shape))]
    truth, answers = [], ([], [])
    for _ in range(rows):
        true, answer = draw(rng)
        truth.append(true)
        for side, quality in zip(answers, (0.85, 0.6), strict=True):
            side.append(answer(quality))
    return truth, *answers


def draw_text(rng):
    words = [str(word) for word in rng.choice(WORDS, rng.integers(4, 12))]
    return " ".join(words), lambda quality: " ".join(
        word if rng.random() < quality else " ".join(rng.choice(WORDS, rng.integers(3))) for word in words
    )


def draw_passage_answer(rng):
    text, answer = draw_text(rng)
    true = [{"text": text[:15], "start": 0}] if rng.random() < 0.8 else []
    return true, lambda quality: answer(quality)[:15] if true else ("" if rng.random() < quality else "rain")


def draw_spans(rng):
    spans = [[at * 9, at * 9 + 5, str(rng.choice(["A", "B", "C"]))] for at in range(rng.integers(0, 4))]
    return spans, lambda quality: [
        span if rng.random() < quality else [span[0], span[1] - 1, "A"] for span in spans
    ]


def draw_labels(rng):
    labels = [label for label in "abcd" if rng.random() < 0.4]
    return labels, lambda quality: [label for label in "abcd" if (label in labels) == (rng.random() < quality)]


def draw_label_scores(rng):
    labels, _ = draw_labels(rng)
    return labels, lambda quality: {label: 0.5 * quality * (label in labels) + rng.random() for label in "abcd"}


def draw_relation(rng):
    relation = str(rng.choice(RELATIONS))
    return relation, lambda quality: relation if rng.random() < quality else str(rng.choice(RELATIONS))


def draw_score(rng):
    score = rng.normal()
    return score, lambda quality: score + rng.normal() * (1 - quality)


def draw_claims(rng):
    """A source, and answers that now and then say a number which is not in it."""
    number = int(rng.integers(100, 500))
    text = f"They sold {number} cars. {draw_text(rng)[0]}"
    return text, lambda quality: f"sold {number if rng.random() < quality else number + 500} cars"


def draw_triples(rng):
    n = int(rng.integers(2, 4))
    spans = [[at * 9, at * 9 + 5, "A"] for at in range(n)]
    relations = [[0, 1, str(rng.choice(["made by", "part of"]))]]

    def answer(quality):
        kept = [span if rng.random() < quality else [span[0] + 1, span[1], "B"] for span in spans]
        return {"spans": kept, "relations": relations if rng.random() < quality else []}

    return {"spans": spans, "relations": relations}, answer


def draw_bits(rng):
    return draw_text(rng)[0], lambda quality: float(rng.gamma(4, 1 - quality))


def draw_grade(rng):
    grade = int(rng.integers(5))
    return grade, lambda quality: grade if rng.random() < quality else int(rng.integers(5))


def draw_detection(rng):
    has_it = bool(rng.random() < 0.3)
    return has_it, lambda quality: round(0.6 * quality * has_it + rng.random(), 1)


def draw_ranking(rng):
    relevant = rng.choice(20, 2, replace=False).tolist()

    def answer(quality):
        scores = rng.random(20)
        scores[relevant] += 0.6 * quality
        return np.argsort(-scores).tolist()

    return relevant, answer


SHAPES = {
    "entity_": draw_spans,
    "exact_match": draw_passage_answer,
    "answer_f1": draw_passage_answer,
    "relation_": draw_relation,
    "semeval_": draw_relation,
    "set_": draw_labels,
    "subset_": draw_labels,
    "label_ranking": draw_label_scores,
    "mae": draw_score,
    "rmse": draw_score,
    "pearson": draw_score,
    "spearman": draw_score,
    "quadratic_kappa": draw_grade,
    "average_precision": draw_detection,
    "recall_at": draw_ranking,
    "mean_": draw_ranking,
    "ndcg": draw_ranking,
    "rouge": draw_text,
    "bits_per": draw_bits,
    "verbatim_match": draw_relation,
    "unsupported": draw_claims,
    "new_words": draw_claims,
    "triple_": draw_triples,
    "wer": draw_text,
    "cer": draw_text,
    "bleu": draw_text,
    "chrf": draw_text,
    "distinct": draw_text,
    "length_ratio": draw_text,
}
RANKING = [name for name, one in MEASURES.items() if one.higher_is_better is not None]
# Diversity and length of texts do not depend on their correctness.
GRADED = [name for name in RANKING if not name.startswith("distinct")]


@pytest.mark.parametrize("name", MEASURES)
def test_the_bootstrap_varies_as_with_resampled_rows(name):
    rng = np.random.default_rng(3)
    truth, predicted, _ = draw_rows(name, 60, rng)
    interval = row_interval(name, truth, predicted, resamples=4000)
    assert interval.value == pytest.approx(measure(name, truth, predicted))
    naive = []
    for _ in range(300):  # An end of theirs errs by a sixth of the standard error, a fifth of the slack.
        drawn = rng.integers(60, size=60)
        naive.append(measure(name, [truth[at] for at in drawn], [predicted[at] for at in drawn]))
    of_value = {"value": interval.value, "level": 0.95, "units": 60}
    if find_measure(name).is_mean_like:
        naive = fraction_interval(np.array(naive), rows=60, rng=rng, **of_value)
    else:
        naive = percentile_interval(np.array(naive), correct_bias=True, **of_value)
    # What one more wrong row would change widens kappa's on purpose.
    slack = (0.25 if find_measure(name).one_wrong is None else 1.0) * (naive.high - naive.low)
    assert interval.low == pytest.approx(naive.low, abs=slack)
    assert interval.high == pytest.approx(naive.high, abs=slack)
    assert interval.low < interval.value < interval.high


@pytest.mark.parametrize("name", GRADED)
def test_the_better_answers_are_called_better(name):
    truth, good, worse = draw_rows(name, 400, np.random.default_rng(4))
    comparison = row_comparison(name, truth, good, worse, resamples=500)
    assert comparison.verdict == "a is better"
    assert comparison.p_value < 0.05
    assert comparison.only_a_right > comparison.only_b_right
    assert (comparison.difference > 0) == higher_is_better(name)
    assert comparison.low <= comparison.difference <= comparison.high
    mirrored = row_comparison(name, truth, worse, good, resamples=500)
    assert mirrored.verdict == "b is better"
    assert mirrored.difference == pytest.approx(-comparison.difference)
    assert mirrored.only_b_right == comparison.only_a_right
    assert better(name, measure(name, truth, good), measure(name, truth, worse))


@pytest.mark.parametrize("name", RANKING)
def test_same_answers_show_no_difference(name):
    truth, good, _ = draw_rows(name, 50, np.random.default_rng(5))
    comparison = row_comparison(name, truth, good, good, resamples=200)
    assert comparison.difference == 0
    # Fifty rows answered alike do not show that all rows are.
    assert (comparison.low < 0 < comparison.high) == is_fraction(name)
    assert (comparison.p_value, comparison.verdict) == (1, "no difference shown")
    assert (comparison.only_a_right, comparison.only_b_right) == (0, 0)


@settings(max_examples=25)
@given(st.sampled_from(sorted(MEASURES)), st.integers(0, 1000))
def test_order_and_duplication_of_rows_do_not_change_values(name, seed):
    rng = np.random.default_rng(seed)
    truth, predicted, _ = draw_rows(name, 12, rng)
    figure = measure(name, truth, predicted)
    order = rng.permutation(12)
    assert measure(name, [truth[at] for at in order], [predicted[at] for at in order]) == pytest.approx(figure)
    assert measure(name, truth * 2, predicted * 2) == pytest.approx(figure)
    if is_fraction(name):
        assert 0 <= figure <= 1


@pytest.mark.parametrize("name", ["entity_f1", "set_macro_f1", "spearman", "mae"])
def test_equally_good_methods_rarely_show_a_difference(name):
    rng = np.random.default_rng(6)
    draw = SHAPES[next(shape for shape in SHAPES if name.startswith(shape))]
    samples, told_apart = 200, 0
    for _ in range(samples):
        drawn = [draw(rng) for _ in range(80)]
        truth = [true for true, _ in drawn]
        first, second = ([answer(0.7) for _, answer in drawn] for _ in range(2))
        told_apart += row_comparison(name, truth, first, second, resamples=300).verdict != "no difference shown"
    assert told_apart <= binom.ppf(0.999, samples, 0.05)


def test_the_interval_of_entity_f1_contains_the_true_value_as_often_as_stated():
    rng = np.random.default_rng(7)
    truth, predicted, _ = draw_rows("entity_f1", 20_000, rng)
    true_figure, samples, held = measure("entity_f1", truth, predicted), 400, 0
    for _ in range(samples):
        drawn = rng.integers(20_000, size=150)
        interval = row_interval(
            "entity_f1", [truth[at] for at in drawn], [predicted[at] for at in drawn], resamples=400
        )
        held += interval.low <= true_figure <= interval.high
    assert binom.ppf(0.001, samples, 0.94) <= held <= binom.ppf(0.999, samples, 0.97)


def test_all_correct_is_not_certainty_and_rows_without_entities_do_not_count():
    truth = [[[0, 4, "A"]]] * 50 + [[]] * 200
    interval = row_interval("entity_f1", truth, truth)
    assert interval.high == interval.value == 1
    assert interval.low == pytest.approx(binomtest(50, 50).proportion_ci(method="exact").low)
    wrong = row_interval("exact_match", [["Rome"]] * 40, ["Paris"] * 40)
    assert wrong.low == wrong.value == 0
    assert wrong.high == pytest.approx(binomtest(0, 40).proportion_ci(method="exact").high)


def test_rows_that_both_answer_correctly_or_wrongly_are_not_differences():
    truth = [["a"], ["b"], [], ["c"]]
    comparison = row_comparison("set_micro_f1", truth, [["a"], [], [], ["x"]], [["a"], ["b"], ["z"], ["y"]])
    assert (comparison.only_a_right, comparison.only_b_right) == (1, 1)


def test_a_certificate_needs_only_which_rows_are_correct():
    truth, big, cheap = draw_rows("entity_f1", 900, np.random.default_rng(11))
    big_right, cheap_right = rows_correct("entity_f1", truth, big), rows_correct("entity_f1", truth, cheap)
    assert big_right.tolist() == [sorted(a) == sorted(b) for a, b in zip(truth, big, strict=True)]
    lost, won = int(np.sum(big_right & ~cheap_right)), int(np.sum(cheap_right & ~big_right))
    comparison = row_comparison("entity_f1", truth, big, cheap, resamples=50)
    assert (comparison.only_a_right, comparison.only_b_right) == (lost, won)
    assert net_loss_upper_bound(lost, won, 900) > (lost - won) / 900
    assert not equivalent(np.ones(900), big_right, cheap_right).is_equivalent
    assert equivalent(np.ones(900), big_right, big_right).is_equivalent
    assert rows_correct("accuracy", ["a", "b"], ["a", "a"]).tolist() == [True, False]
    with pytest.raises(ValueError, match="rows are not correct or wrong"):
        rows_correct("rouge_l", ["a"], ["a"])


def test_a_lower_error_is_better():
    assert better("mae", 0.1, 0.2)
    assert better("accuracy", 0.2, 0.1)
    assert not higher_is_better("rmse")
    with pytest.raises(ValueError, match="length_ratio only describes answers"):
        row_comparison("length_ratio", ["a b"], ["a"], ["a b c"])


@pytest.mark.parametrize("metric", METRICS)
def test_label_metrics_take_names_or_codes(metric):
    rng = np.random.default_rng(8)
    truth, first, second = rng.integers(0, 3, (3, 200))
    names = np.array(["ant", "bee", "cat"])
    expected = bootstrap_interval(metric, truth, first)
    assert interval_of(metric, truth, first) == expected
    assert interval_of(metric, names[truth].tolist(), names[first].tolist()) == expected
    assert comparison_of(metric, list(names[truth]), list(names[first]), list(names[second])) == compare(
        truth, first, second, metric=metric
    )
    assert measure(metric, list(names[truth]), list(names[first])) == METRICS[metric](truth, first)


def test_interval_and_comparison_take_row_measures_too():
    truth, first, second = draw_rows("rouge_l", 40, np.random.default_rng(9))
    assert interval_of("rouge_l", truth, first, random_state=2) == row_interval(
        "rouge_l", truth, first, random_state=2
    )
    assert comparison_of(find_measure("rouge_l"), truth, first, second) == row_comparison(
        "rouge_l", truth, first, second
    )


def test_facts_about_a_metric_for_the_report():
    assert describe_metric("entity_f1") == {"title": "entity F1", "higher_is_better": True, "is_fraction": True}
    assert describe_metric("rouge_l")["title"] == "ROUGE-L"
    assert describe_metric("mae") == {"title": "MAE", "higher_is_better": False, "is_fraction": False}
    assert describe_metric("macro_f1")["title"] == "macro-F1"
    assert describe_metric("length_ratio")["higher_is_better"] is None


@pytest.mark.serial
@pytest.mark.parametrize("name", ["entity_macro_f1", "set_macro_f1", "rouge_l", "semeval_f1", "pearson"])
def test_four_thousand_rows_take_under_two_seconds(name):
    truth, first, second = draw_rows(name, 4000, np.random.default_rng(10))
    start = time.process_time()
    row_interval(name, truth, first)
    row_comparison(name, truth, first, second)
    assert time.process_time() - start < 2


def test_bad_metrics_and_rows_are_refused():
    with pytest.raises(UnknownNameError, match="Did you mean 'entity_f1'"):
        measure("entityf1", [[]], [[]])
    with pytest.raises(EmptyDataError, match="no rows"):
        measure("rouge_l", [], [])
    with pytest.raises(ValueError, match="found 2 and 1 rows"):
        interval_of("accuracy", ["a", "b"], ["a"])
