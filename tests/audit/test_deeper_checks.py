"""Labels that cannot be told apart, near conflicts, spurious cues, outliers and drift, planted and on clean rows."""

import numpy as np
import pytest

from metier.audit import examine
from metier.audit.confusable_labels import indistinct_pairs
from metier.audit.drift import shifts
from metier.audit.spurious_cues import cues_of
from metier.data import read
from metier.report.words import Words

DEEPER = {"near-conflicts", "indistinct-labels", "spurious-cues", "outliers", "test-drift", "drift-in-time"}


def found_in(rows, **more):
    return {finding.check: finding for finding in examine(rows, **more).findings if finding.check in DEEPER}


def with_labels(rows, labels):
    return read(list(zip(rows.texts, labels, strict=True)))


def test_clean_rows_of_both_languages_have_hardly_a_deeper_finding(banking, titles):
    assert set(found_in(banking)) <= {"near-conflicts"}  # Six true ones.
    found = found_in(titles)
    assert set(found) <= {"outliers"}
    assert len(found["outliers"].rows) <= 0.002 * len(titles)


@pytest.mark.parametrize("name", ["banking", "titles"])
def test_a_label_split_by_chance_cannot_be_told_apart(request, name):
    rows, random = request.getfixturevalue(name), np.random.default_rng(0)
    label = sorted(set(rows.labels))[0]
    labels = [f"{one}-{random.integers(2)}" if one == label else one for one in rows.labels]
    finding = found_in(with_labels(rows, labels))["indistinct-labels"]
    assert [pair["labels"] for pair in finding.facts["pairs"]] == [[f"{label}-0", f"{label}-1"]]
    assert 0.35 < finding.facts["pairs"][0]["accuracy"] < 0.65
    assert {labels[row] for row in finding.rows} == {f"{label}-0", f"{label}-1"}
    assert Words("zh").told(finding.sentence) != finding.sentence


def test_few_rows_are_no_evidence_that_labels_are_the_same():
    beaten = np.array([[0, 5], [5, 0]])
    assert indistinct_pairs(beaten, np.array([10, 10])) == []
    assert indistinct_pairs(beaten * 10, np.array([100, 100])) == [(0, 1, 0.5)]
    assert indistinct_pairs(np.array([[0, 20], [20, 0]]), np.array([100, 100])) == []


def test_nearly_equal_texts_with_different_labels_are_a_cluster():
    sentence = "how do I get a new card for my account when the old one is lost"
    rows = [(sentence, "x"), (f"{sentence} today", "y"), (f"{sentence} now", "x")]
    rows += [
        (f"{word} {word} is about {word} alone", "xy"[n % 2])
        for n, word in enumerate(["alpha", "beta", "gamma"])
    ]
    finding = found_in(read(rows))["near-conflicts"]
    assert set(finding.rows) == {0, 1, 2}
    assert "near-conflicts" not in found_in(read([(text, "x" if "card" in text else "y") for text, _ in rows]))
    assert "near-conflicts" not in found_in(
        read([(sentence, "x"), (sentence, "y"), *rows[3:]])
    )  # Said as conflicting.


@pytest.mark.parametrize(("name", "cue"), [("banking", "##"), ("titles", "……")])
def test_a_sign_planted_in_one_label_is_a_spurious_cue(request, name, cue):
    rows = request.getfixturevalue(name)
    label = sorted(set(rows.labels))[1]
    texts = [
        f"{text} {cue}" if own == label else text for text, own in zip(rows.texts, rows.labels, strict=True)
    ]
    finding = found_in(read(list(zip(texts, rows.labels, strict=True))))["spurious-cues"]
    (found,) = finding.facts["cues"]
    assert (found["cue"], found["label"]) == (cue[0], label)
    assert 0 <= found["changed_without"] <= 1
    assert found["share"] == 1
    assert Words("zh").told(finding.sentence) != finding.sentence


def test_cues_have_no_meaning_of_their_own():
    assert cues_of("The card 4711 <b>lost</b>! see https://x.com/a") >= {
        "the",
        "4711",
        "<b>",
        "!",
        "https://x.com",
    }
    assert not {"card", "lost", "see"} & cues_of("The card is lost, see")
    assert cues_of("我的银行卡丢了。") == {"我", "的", "了", "。"}


def test_rows_of_another_language_are_outliers(banking):
    rows = [*zip(banking.texts, banking.labels, strict=True)]
    rows += [
        ("Mi tarjeta llegó rota ayer desde Bilbao temprano", "card_arrival"),
        ("契丹小字墓志铭考释研究初探", "card_arrival"),
    ]
    finding = found_in(read(rows))["outliers"]
    assert {len(rows) - 2, len(rows) - 1} <= set(finding.rows)
    assert len(finding.rows) <= 4


def test_other_words_and_labels_in_the_test_rows_are_drift():
    def rows(word, share):
        texts = [f"{word if n % 2 else 'plain'} words of number {n}" for n in range(400)]
        return read([(text, "x" if n < share * 400 else "y") for n, text in enumerate(texts)])

    findings = [
        f for f in examine(rows("early", 0.5), test=rows("late", 0.8)).findings if f.check == "test-drift"
    ]
    words, labels = findings[0].facts["words"], findings[0].facts["labels"]
    assert {one["name"] for one in words} == {"early", "late"}
    assert [(one["name"], one["before"], one["after"]) for one in labels] == [("x", 0.5, 0.8), ("y", 0.5, 0.2)]
    assert all(Words("zh").told(finding.sentence) != finding.sentence for finding in findings)
    assert "test-drift" not in found_in(rows("early", 0.5), test=rows("early", 0.5))


def test_drift_over_a_time_column():
    rows = [
        {
            "text": f"{'新冠疫情' if n > 200 else '季节流感'}的第{n}次报告",
            "label": "xy"[n % 2],
            "time": f"2024-01-01T{n:06d}",
        }
        for n in range(300)
    ]
    finding = found_in(read(rows, time="time"))["drift-in-time"]
    assert "流感" in {one["name"] for one in finding.facts["words"]}
    assert "drift-in-time" not in found_in(read(rows, time="none"))


def test_shares_that_differ_by_chance_are_no_drift():
    random = np.random.default_rng(0)
    words = [f"w{n}" for n in range(300)]
    alarms = sum(
        bool(shifts(*([random.choice(words, 8) for _ in range(400)] for _ in "ab"), least=0, ratio=1))
        for _ in range(20)
    )
    assert alarms <= 1
