"""Drift and accuracy of a stream: quiet ones raise nothing, shifts are found, labels of the audit have the word."""

import threading
from datetime import datetime

import numpy as np
import pytest

from metier.errors import SourceError
from metier.monitoring.answers import Answered
from metier.monitoring.audit_labels import AuditLabels
from metier.monitoring.judges.accuracy import AccuracyJudge
from metier.monitoring.judges.drift import DriftJudge
from metier.monitoring.run_answers import RunAnswers
from metier.monitoring.signals.audit_sample import audited_accuracy
from metier.monitoring.signals.evidence import FallDetector
from metier.monitoring.signals.population_stability import by_chance, population_stability
from metier.monitoring.signals.two_samples import days_test
from metier.monitoring.store.watch_store import WatchStore
from tests.watched import START, ListSource, message, settings, watch

FIRST = int(START.timestamp() // 86_400)
SHIFT = 24 * 50  # Messages, one an hour.
WORDS = ("card", "fee", "loan", "bank", "late", "app", "pin", "cash", "rate", "form", "desk", "code")


class Answers:
    """Answers with labels by chance; after a shift it is less sure, says `fee` more often, and some are out of scope."""

    def __init__(self, *, shifts=True):
        self.versions = {"topic": "v1"}
        self.random, self.shifts = np.random.default_rng(0), shifts

    def answer(self, texts):
        """Answer each text, whose first word is its number."""
        return [{"topic": self._answered(self.shifts and int(text.split()[0][1:]) >= SHIFT)} for text in texts]

    def _answered(self, is_after):
        label = "fee" if self.random.random() < (0.7 if is_after else 0.3) else "card"
        sure = float(self.random.beta(6, 4) if is_after else self.random.beta(18, 2))
        return Answered((label,), label, sure, bool(self.random.random() < (0.3 if is_after else 0.02)))


def texts(n, *, shifts=True):
    random = np.random.default_rng(1)
    for number in range(n):
        known = WORDS if not (shifts and number >= SHIFT) else ("zeppelin", "quokka", *WORDS)
        weights = np.ones(len(known)) / len(known)
        yield f"n{number} " + " ".join(random.choice(known, 8, p=weights))


class Restarted:
    """A judge that is made anew every few periods; somebody gives labels meanwhile."""

    def __init__(self, make, *, every, then):
        self.make, self.every, self.then = make, every, then
        self.judge_ = make()

    def judge(self, counted, number):
        """Judge."""
        self.then(counted, number)
        if (number - FIRST) % self.every == 0:
            self.judge_ = self.make()
        return self.judge_.judge(counted, number)


class Noting:
    """Notes what a judge says."""

    def __init__(self, judge):
        self.judge_, self.found = judge, []

    def judge(self, counted, number):
        """Judge, and note."""
        self.counted = counted
        own = self.judge_.judge(counted, number)
        self.found += own
        return own


def watched(folder, judge, *, shifts=True, hours=24 * 70, audit=0.03, batch=500):
    own = settings(folder, by=["topic"], audit_fraction=audit, store=str(folder / "watch.sqlite"))
    store = WatchStore(own.store)
    messages = [message(n, text=text) for n, text in enumerate(texts(hours, shifts=shifts))]
    noting = Noting(judge)
    source = ListSource(messages, batch=batch)
    watch(store, [source], own, answerer=Answers(shifts=shifts), judges={"it": noting}).run_once(
        threading.Event()
    )
    return noting, store


@pytest.fixture(scope="module")
def drifted(tmp_path_factory):
    noting, store = watched(tmp_path_factory.mktemp("drifted"), DriftJudge(["topic"], period="day"))
    yield noting
    store.close()


def test_a_quiet_stream_has_no_drift(tmp_path):
    noting, store = watched(tmp_path, DriftJudge(["topic"], period="day"), shifts=False)
    store.close()
    assert noting.found == []


def test_each_shift_is_found_soon_and_explained(drifted):
    told = {(one.series["measure"], one.series.get("label")): one for one in drifted.found}
    wanted = {
        ("confidence", None),
        ("out of scope", None),
        ("new words", None),
        ("label", "fee"),
        ("label", "card"),
    }
    assert set(told) == wanted
    days = [(one.raised - START).days - 50 for one in told.values()]
    assert min(days) >= 0
    assert max(days) <= 7
    facts = told["new words", None].facts
    assert {"zeppelin", "quokka"} <= set(facts["new_words"])
    assert {"zeppelin", "quokka"} <= set(facts["domain_classifier"]["more"])
    assert facts["domain_classifier"]["auc"] > 0.6
    assert facts["label_psi"] > facts["label_psi_by_chance"]
    assert "%" in told["confidence", None].sentence
    rising = told["label", "fee"].facts
    assert rising["before"] == pytest.approx(0.3, abs=0.1)
    assert rising["now"] > rising["before"]


def as_vectors(texts):
    """Give a vector of each text, by the words that it has."""
    known = {word: place for place, word in enumerate((*WORDS, "zeppelin", "quokka"))}
    found = np.zeros((len(texts), len(known)))
    for row, text in enumerate(texts):
        for word in text.split()[1:]:
            found[row, known[word]] += 1
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def test_texts_that_are_others_have_other_embeddings(drifted):
    def told(judge):
        return [
            one
            for number in range(FIRST, FIRST + 70)
            for one in judge.judge(drifted.counted, number)
            if one.series["measure"] == "embeddings"
        ]

    found = told(DriftJudge(["topic"], period="day", encoders={"topic": as_vectors}))
    [one] = found
    assert 50 <= (one.raised - START).days <= 64
    assert one.facts["now"] > 0
    assert "embeddings of texts of the last week differ" in one.sentence
    drawn = np.random.default_rng(0)
    noise = {"topic": lambda texts: drawn.normal(size=(len(texts), 4))}
    assert told(DriftJudge(["topic"], period="day", encoders=noise)) == []


def test_the_test_of_days_holds_its_level_where_each_day_is_of_its_own():
    random = np.random.default_rng(6)
    p_values = []
    for _ in range(150):
        days = [random.normal(size=(10, 3)) + random.normal(size=3) for _ in range(35)]
        p_values.append(days_test(days[:28], days[28:], level=0.1).p_value)
    assert np.mean(np.array(p_values) <= 0.1) <= 0.18  # By chance above that in one of a thousand runs.
    moved = [random.normal(size=(10, 3)) + (2.0 if day >= 28 else 0) for day in range(35)]
    assert days_test(moved[:28], moved[28:], level=0.001).p_value <= 0.001


def test_a_judge_of_drift_that_starts_again_says_the_same(drifted):
    found, judge = [], DriftJudge(["topic"], period="day")
    for number in range(FIRST, FIRST + 70):
        judge = DriftJudge(["topic"], period="day") if number % 9 == 0 else judge
        found += judge.judge(drifted.counted, number)
    assert found == drifted.found


def test_evidence_keeps_its_rate_however_long_it_is_looked_at():
    random, alpha, raised, days = np.random.default_rng(2), 1 / 50, 0, 0
    for _ in range(40):
        detector = FallDetector(0.8, alpha)
        raised += sum(detector.step((random.random(15) < 0.8).astype(float)) for _ in range(250))
        days += 250
    assert raised <= alpha * days
    delays = []
    for _ in range(20):
        detector = FallDetector(0.8, 1 / 1_000)
        assert not any(detector.step((random.random(15) < 0.85).astype(float)) for _ in range(60))
        delays.append(next(day for day in range(100) if detector.step((random.random(15) < 0.6).astype(float))))
    assert np.median(delays) <= 8


def measured(*, rows=600):
    random = np.random.default_rng(3)
    sure = np.clip(random.beta(18, 2, rows), 0.5, 0.999)
    probabilities = np.stack([sure, 1 - sure], axis=1)
    truth = np.where(random.random(rows) < sure, "fee", "card")
    return RunAnswers(("fee", "card"), probabilities, tuple(truth.tolist()))


def test_a_fall_of_the_estimate_below_the_bound_is_told_with_its_assumption(tmp_path):
    noting, store = watched(tmp_path, AccuracyJudge({"topic": measured()}, period="day"), hours=24 * 84)
    store.close()
    [found] = noting.found
    assert (found.raised - START).days > 50
    assert found.facts["estimated"]["high"] < found.facts["bound"]
    assert found.facts["audited"] is None
    assert "same confidence" in found.sentence


def test_labels_of_the_audit_have_the_word(tmp_path):
    path = tmp_path / "labels.csv"
    judge = AccuracyJudge({"topic": measured()}, period="day", labels=AuditLabels(path))
    noting, store = watched(tmp_path, judge, shifts=False, audit=0.1)
    assert noting.found == []
    chosen = [one for batch in store.messages() for one in batch if one.is_audit]
    right = np.random.default_rng(4).random(len(chosen)) < 0.6
    rows = [
        f"{one.source},{one.id},{one.answers['topic'][0]['label'] if is_right else 'other'}"
        for one, is_right in zip(chosen, right, strict=True)
    ]
    path.write_text("\n".join(["source,id,label", *rows]), encoding="utf-8")
    found = judge.measure(noting.counted, "topic", FIRST + 69)
    assert found.audited.low < 0.6 < found.audited.high
    assert found.told is found.audited
    assert found.agrees is False
    assert found.estimated.low > found.audited.high
    told = judge.judge(noting.counted, FIRST + 69)
    store.close()
    assert told == [] or "labelled messages" in told[0].sentence


def labels_in_weeks(path, counted, number):
    """Label what has come in: wrong at first, right from the tenth week on; a week at a time, some days late."""
    if (number - FIRST) % 7 == 3:
        chosen = [one for batch in counted.store.messages() for one in batch if one.is_audit]
        rows = [
            f"{one.source},{one.id},"
            f"{one.answers['topic'][0]['label'] if (one.at - START).days >= 56 or int(one.id) % 2 else 'other'}"
            for one in chosen
        ]
        path.write_text("\n".join(["source,id,label", *rows]), encoding="utf-8")


def accuracy_told(folder, *, every):
    folder.mkdir()
    path = folder / "labels.csv"

    def make():
        return AccuracyJudge({"topic": measured()}, period="day", labels=AuditLabels(path))

    def then(counted, number):
        labels_in_weeks(path, counted, number)

    judge = Restarted(make, every=every, then=then)
    noting, store = watched(folder, judge, shifts=False, hours=24 * 105, audit=0.2, batch=24)
    told = noting.counted.told("accuracy", FIRST + 105)
    store.close()
    return noting.found, told


def test_labels_that_come_later_are_told_the_same_by_a_judge_that_starts_again(tmp_path):
    found, told = accuracy_told(tmp_path / "whole", every=10_000)
    assert [one.is_over for one in found] == [False, True]
    assert (found[0].raised, told) == (found[1].raised, [])
    assert "labelled messages" in found[0].sentence
    assert datetime.fromisoformat(found[1].facts["last"]) > found[0].raised
    again, _ = accuracy_told(tmp_path / "again", every=9)
    assert again == found


def test_labels_that_cannot_be_read_are_a_sentence(tmp_path):
    path = tmp_path / "labels.csv"
    labels = AuditLabels(path)
    assert labels([("a", "1")]) == {}
    path.write_text("id,label\n1,fee\n", encoding="utf-8")
    with pytest.raises(SourceError, match="no column source"):
        labels([("a", "1")])
    path.write_bytes(b"source,id,label\na,1,\xff\n")
    with pytest.raises(SourceError, match="cannot be read"):
        labels([("a", "1")])


def test_intervals_and_indices_are_those_of_the_books():
    found = audited_accuracy(np.array([True] * 8 + [False] * 2))
    assert (found.low, found.high) == (pytest.approx(0.4439, abs=1e-4), pytest.approx(0.9748, abs=1e-4))
    assert audited_accuracy(np.array([True])).high == 1.0
    counts = np.array([100, 200, 700])
    assert population_stability(counts, counts) == 0
    assert population_stability(counts, counts[::-1]) > 0.25
    random = np.random.default_rng(5)
    drawn = [population_stability(*random.multinomial(1_000, [0.1, 0.2, 0.7], 2)) for _ in range(200)]
    assert np.mean(drawn) == pytest.approx(by_chance(3, 1_000, 1_000), rel=0.2)
