import threading

import numpy as np
import pytest
from scipy.stats import gmean

from metier.errors import BundleError, UnsafeFileError
from metier.fusion import AverageFit
from metier.predictors import Answers, load_predictor
from metier.predictors.composite.average import AveragePredictor
from metier.predictors.composite.members import Member
from metier.predictors.constant import ConstantPredictor
from metier.predictors.loading import read_settings, write_settings
from metier.tasks.answers.label import LabelDecoder

LABELS = ("a", "b", "c")


def pool(members, *, temperatures, weights, temperature=1.0):
    """Average members' probabilities."""
    return AverageFit(tuple(temperatures), tuple(weights), temperature).pool(members)


class Asked:
    """Answers by the length of a text, and remembers what it was asked."""

    name = "asked.v1"
    labels = LABELS

    def __init__(self):
        self.texts = []

    def predict(self, texts):
        self.texts.extend(texts)
        scores = np.array([[1.0, len(text), 2.0] for text in texts])
        return Answers(scores / scores.sum(axis=1, keepdims=True), LABELS, (self.name,) * len(texts))


@pytest.fixture
def exported(tmp_path):
    """A folder with two constant members."""
    entries = []
    for number, shares in enumerate([[0.6, 0.3, 0.1], [0.2, 0.8, 0.0]]):
        folder = tmp_path / "members" / str(number)
        folder.mkdir(parents=True)
        ConstantPredictor(probabilities=shares, labels=LABELS, name="majority.v1").save(folder)
        entry = {"folder": f"members/{number}", "name": "majority.v1", "fingerprint": f"print {number}"}
        entries.append({**entry, "temperature": 1.0, "weight": 0.5})
    settings = {
        "kind": "average.v1",
        "name": "average.v1",
        "labels": LABELS,
        "temperature": 1.0,
        "members": entries,
    }
    write_settings(tmp_path, settings)
    return tmp_path


def test_the_pool_is_the_geometric_mean():
    rng = np.random.default_rng(0)
    members = [rng.dirichlet(np.ones(4), 30) for _ in range(3)]
    weights = [0.5, 0.2, 0.3]
    expected = gmean(np.stack(members), axis=0, weights=np.array(weights)[:, None, None] * np.ones((3, 30, 4)))
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(pool(members, temperatures=[1, 1, 1], weights=weights), expected)


def test_each_member_has_its_temperature_and_the_whole_has_one():
    rng = np.random.default_rng(1)
    members = [rng.dirichlet(np.ones(4), 30) for _ in range(2)]
    powers = [member ** (1 / own) for member, own in zip(members, [0.5, 3.0], strict=True)]
    expected = (powers[0] ** 0.4 * powers[1] ** 0.6) ** (1 / 0.8)
    expected /= expected.sum(axis=1, keepdims=True)
    found = pool(members, temperatures=[0.5, 3.0], weights=[0.4, 0.6], temperature=0.8)
    np.testing.assert_allclose(found, expected)


def test_a_member_that_gives_no_chance_leaves_numbers():
    found = pool([np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])], temperatures=[1, 1], weights=[0.5, 0.5])
    np.testing.assert_allclose(found, [[0.5, 0.5]])


def test_answers_are_the_pool_of_the_members_answers(exported):
    answers = load_predictor(exported).predict(["one", "two"])
    expected = pool(
        [np.array([[0.6, 0.3, 0.1]] * 2), np.array([[0.2, 0.8, 0.0]] * 2)],
        temperatures=[1, 1],
        weights=[0.5, 0.5],
    )
    np.testing.assert_allclose(answers.probabilities, expected)
    assert answers.labels == LABELS
    assert answers.answered_by == ("average.v1", "average.v1")


def test_a_member_whose_answers_are_known_is_not_asked():
    first, second = Asked(), Asked()
    members = [Member(first, "first"), Member(second, "second")]
    predictor = AveragePredictor(
        members, [0.5, 0.5], LabelDecoder(LABELS), kind="average.v1", name="average.v1"
    )
    expected = predictor.predict(["x", "yyyy"]).probabilities
    known = {"second": second.predict(["x", "yyyy"])}
    first.texts.clear()
    second.texts.clear()
    np.testing.assert_array_equal(predictor.predict(["x", "yyyy"], known=known).probabilities, expected)
    assert first.texts == ["x", "yyyy"]
    assert second.texts == []
    assert predictor.find("second") is second
    assert predictor.find("third") is None


def test_a_member_with_another_order_of_labels_is_put_in_order(exported):
    other = ConstantPredictor(probabilities=[0.0, 0.8, 0.2], labels=LABELS[::-1], name="majority.v1")
    other.save(exported / "members/1")
    found = load_predictor(exported).predict(["one"]).probabilities
    expected = pool(
        [np.array([[0.6, 0.3, 0.1]]), np.array([[0.2, 0.8, 0.0]])], temperatures=[1, 1], weights=[0.5, 0.5]
    )
    np.testing.assert_allclose(found, expected)


def test_what_is_known_keeps_the_members_own_order():
    predictor = ConstantPredictor(probabilities=[0.2, 0.5, 0.3], labels=("c", "a", "b"), name="majority.v1")
    member = Member(predictor, "same", labels=("a", "b", "c"))
    answers = member.answer(["one"], {})
    np.testing.assert_allclose(answers.probabilities, [[0.5, 0.3, 0.2]])
    own = member.own_answer(["one"], {})
    np.testing.assert_allclose(own.probabilities, [[0.2, 0.5, 0.3]])
    again = member.answer(["one"], {"same": own})
    np.testing.assert_allclose(again.probabilities, answers.probabilities)


def test_several_threads_get_the_same_answers(exported):
    predictor = load_predictor(exported)
    expected = predictor.predict(["text"] * 50).probabilities
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(predictor.predict(["text"] * 50).probabilities))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert all(np.array_equal(answers, expected) for answers in found)


def test_members_with_other_labels_are_refused(exported):
    ConstantPredictor(probabilities=[0.5, 0.5], labels=["a", "c"], name="majority.v1").save(
        exported / "members/1"
    )
    with pytest.raises(BundleError, match="2 labels that are not the 3"):
        load_predictor(exported)


@pytest.mark.parametrize("outside", ["../elsewhere", "/etc", "members/../../elsewhere"])
def test_a_member_outside_the_folder_is_refused(exported, outside):
    settings = read_settings(exported)
    settings["members"][0]["folder"] = outside
    write_settings(exported, settings)
    with pytest.raises(UnsafeFileError, match="outside its folder"):
        load_predictor(exported)


def test_sets_are_averaged_by_log_odds_whatever_the_order_of_a_members_labels(tmp_path):
    shares = ([0.9, 0.2, 0.6], [0.7, 0.4, 0.5])
    entries = []
    for number, (own, labels) in enumerate(zip(shares, (LABELS, LABELS[::-1]), strict=True)):
        folder = tmp_path / "members" / str(number)
        folder.mkdir(parents=True)
        ordered = [own[LABELS.index(label)] for label in labels]
        member = ConstantPredictor(
            probabilities=ordered, labels=labels, name="label_frequencies.v1", kind="constant_labels.v1"
        )
        member.save(folder)
        entries.append({"folder": f"members/{number}", "name": "x.v1", "fingerprint": str(number)})
    decoder = {"labels": LABELS, "slopes": [1.0] * 3, "offsets": [0.0] * 3, "thresholds": [0.5, 0.5, 0.6]}
    settings = {"kind": "label_average.v1", "name": "label_average.v1", **decoder, "members": entries}
    write_settings(tmp_path, settings)
    answers = load_predictor(tmp_path).predict(["one"])
    odds = np.sqrt(np.prod([np.array(own) / (1 - np.array(own)) for own in shares], axis=0))
    np.testing.assert_allclose(answers.probabilities, [odds / (1 + odds)])
    assert answers.predicted == [["a"]]
