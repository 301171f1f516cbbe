import tracemalloc

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.naive_bayes import MultinomialNB

from metier.audit.label_errors import check_label_errors, find_suspicious, gather_evidence
from metier.audit.out_of_fold import LinearProbe, OutOfFold, SparseBayes, out_of_fold
from metier.data import read


def swapped(rows, fraction, seed=0):
    random = np.random.default_rng(seed)
    labels = np.array(rows.labels)
    names = np.unique(labels)
    wrong = random.choice(len(labels), int(fraction * len(labels)), replace=False)
    for row in wrong:
        labels[row] = random.choice(names[names != labels[row]])
    return read(list(zip(rows.texts, labels.tolist(), strict=True))), set(wrong.tolist())


@pytest.mark.parametrize(
    ("name", "precision", "recall"),
    [("banking", 0.75, 0.55), ("titles", 0.4, 0.35)],
    ids=["English", "Chinese"],
)
def test_swapped_labels_are_found(request, name, precision, recall):
    """3 % of the labels of real rows are swapped. Measured: 0.87, 0.65 in English; 0.5, 0.45 in Chinese."""
    rows, wrong = swapped(request.getfixturevalue(name), 0.03)
    (finding,) = check_label_errors(rows)
    found = set(finding.rows)
    assert len(found & wrong) / len(found) > precision
    assert len(found & wrong) / len(wrong) > recall


def test_the_most_suspicious_come_first_with_the_more_probable_label(banking):
    rows, wrong = swapped(banking, 0.02)
    (finding,) = check_label_errors(rows)
    assert len(wrong & set(finding.rows[:50])) >= 45
    example, truth = finding.examples[0], banking.labels
    assert example["likelier"] == truth[finding.rows[0]] != example["label"]


def test_clean_separable_rows_are_not_flagged():
    rows = [(f"card card {n} card", "a") for n in range(30)] + [(f"pin pin {n} pin", "b") for n in range(30)]
    assert list(check_label_errors(read(rows))) == []


@pytest.mark.parametrize(
    "rows",
    [
        [("a b", "x")] * 3,
        [("a b", "x")] * 30,
        [("😀", "x"), ("😡", "y")] * 20,
        [("", "x"), ("a", "y")] * 20,
        [(f"text {n}", str(n)) for n in range(40)],
        [("text", None), ("more", "x"), ("other", "y")] * 20,
    ],
    ids=["few rows", "one label", "emoji", "empty", "a label a row", "missing labels"],
)
def test_rows_without_signal_raise_nothing(rows):
    assert all(finding.rows for finding in check_label_errors(read(rows)))


def test_suspicious_rows_follow_the_definition():
    probabilities = np.array(
        [[0.9, 0.1], [0.8, 0.2], [0.999, 0.001], [0.2, 0.8], [0.3, 0.7], [0.1, 0.9], [0.7, 0.3], [0.1, 0.9]]
    )
    codes = np.array([0, 0, 1, 1, 1, 1, 0, 1])
    positions, better = find_suspicious(OutOfFold.of(iter([(np.arange(8), probabilities)]), codes))
    # Only in the third row the other label is above its mean (0.999 > 0.8) and a hundred times more probable.
    assert (positions.tolist(), better.tolist()) == ([2], [0])


def test_no_row_is_predicted_by_a_model_trained_on_it():
    from scipy.sparse import eye

    # Each row has a feature of its own: a model trained on the row would know its label.
    codes = np.tile([0, 1], 20)
    parts = list(out_of_fold(eye(40, format="csr"), codes, random_state=0))
    assert sorted(np.concatenate([rows for rows, _ in parts])) == list(range(40))
    assert all(np.allclose(probabilities, 0.5) for _, probabilities in parts)


def test_the_sparse_bayes_is_that_of_scikit_learn(banking):
    codes = np.unique(banking.labels, return_inverse=True)[1]
    features = TfidfVectorizer(sublinear_tf=True, dtype=np.float32).fit_transform(banking.texts)
    ours = SparseBayes(features, codes, n_classes=codes.max() + 1).probabilities(features[:300])
    theirs = MultinomialNB(alpha=0.05).fit(features, codes).predict_proba(features[:300])
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-7)


def test_many_labels_are_searched_in_little_memory():
    rows = read([{"text": f"word{n % 1_000} more", "label": f"code {n % 1_000}"} for n in range(5_000)])
    tracemalloc.start()
    try:
        assert list(check_label_errors(rows)) == []
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 120_000_000  # Rows times labels alone would be 40 MB a matrix, of which there were a dozen.


def test_too_many_labels_are_not_searched_and_that_is_said(monkeypatch):
    monkeypatch.setattr("metier.audit.label_errors.MOST_NUMBERS", 1_000_000)
    rows = read([{"text": f"word{n % 600} more", "label": f"code {n % 600}"} for n in range(2_400)])
    (finding,) = check_label_errors(rows)
    assert finding.severity == "note"
    assert "600 labels in 2,400 rows take too long" in finding.sentence


def test_the_order_and_the_cut_are_published_apart(banking):
    rows, _ = swapped(banking, 0.02)
    (finding,) = check_label_errors(rows)
    assert "100 times as probable" in finding.facts["rule"]
    assert finding.facts["suggested"][0] == finding.examples[0]["likelier"]
    ranked = finding.facts["ranked"]
    assert len(ranked) == 1_000 > len(finding.rows)
    assert [row - 1 for row in ranked if row - 1 in finding.rows] == list(finding.rows)


def test_agreeing_rows_have_the_suggested_label_and_are_alike(banking):
    rows, _ = swapped(banking, 0.02)
    (finding,) = check_label_errors(rows)
    for example in finding.examples[:20]:
        numbers = [int(number) for number in example["agrees"].split(", ")]
        assert [rows.labels[number - 1] for number in numbers] == [example["likelier"]] * 3
        assert example["row"] not in numbers


def test_vectors_say_more_than_words_where_the_same_is_said_in_other_words():
    """Each text has words of its own; the vectors tell the two labels apart."""
    random = np.random.default_rng(0)
    labels = ["x", "y"] * 300
    labels[6] = "y"
    rows = read([(f"word{n} kind{n}", label) for n, label in enumerate(labels)])
    sides = {text: -1.0 if n % 2 else 1.0 for n, text in enumerate(rows.texts)}

    def encode(texts):
        return np.array([[sides[text]] * 64 for text in texts]) + random.normal(0, 0.2, (len(texts), 64))

    evidence = gather_evidence(rows, random_state=0, encode=encode)
    assert gather_evidence(rows, random_state=0) is None
    (finding,) = check_label_errors(rows, evidence=evidence)
    assert finding.rows == (6,)
    assert "vectors" in finding.facts["rule"]


def test_rows_more_like_another_label_are_counted_with_labels_as_equally_frequent():
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.7, 0.3]])
    codes = np.array([0, 0, 0, 1])
    found = OutOfFold.of(iter([(np.arange(4), probabilities)]), codes)
    # Three of four rows have the first label: 0.6 / 0.75 is less than 0.4 / 0.25.
    assert found.beaten.tolist() == [[0, 1], [0, 0]]


def test_a_probe_knows_labels_that_its_rows_lack():
    vectors = np.array([[1.0, 0], [0.9, 0], [-1, 0], [-0.9, 0]])
    found = LinearProbe(vectors, np.array([0, 0, 2, 2]), n_classes=3).probabilities(vectors)
    assert found.shape == (4, 3)
    assert found[:, 1].tolist() == [0] * 4
    assert found.argmax(axis=1).tolist() == [0, 0, 2, 2]
