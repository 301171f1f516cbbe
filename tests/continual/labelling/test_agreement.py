"""Agreement of a queue's labellers, and who answers as by chance."""

import numpy as np
import pytest

from metier.continual.labelling.agreement import agreements, labellers
from metier.continual.labelling.state import measured, state_of
from metier.continual.queue import NewItem, QueueStore
from metier.continual.queue.rounds import Watched

LABELS = ["card", "loan", "other", "pin"]


@pytest.fixture
def queue(tmp_path):
    store = QueueStore(tmp_path / "queue.sqlite")
    store.set_overlap(1.0)
    yield store
    store.close()


def label(queue, answers, **more):
    """Let each labeller answer the rows; None: not labelled."""
    n = len(next(iter(answers.values())))
    queue.add([NewItem("a", str(row), f"text {row}", **more) for row in range(n)])
    for name, said in answers.items():
        for number, one in enumerate(said, 1):
            if one is not None:
                queue.label(number, name, {"label": one}, seconds=3.0)


def people(queue):
    return {one.name: one for one in labellers(queue.items(), queue.labels())}


def noisy(truth, share, seed):
    rng = np.random.default_rng(seed)
    return [str(rng.choice(LABELS)) if rng.random() < share else one for one in truth]


@pytest.fixture
def truth():
    return [str(one) for one in np.random.default_rng(0).choice(LABELS, 60, p=[0.55, 0.2, 0.15, 0.1])]


def test_a_labeller_who_answers_at_random_is_noticed(queue, truth):
    label(queue, {"anna": noisy(truth, 0.1, 1), "bert": noisy(truth, 0.1, 2), "chance": noisy(truth, 1.0, 3)})
    found = people(queue)
    assert {name: one.verdict for name, one in found.items()} == {
        "anna": "good",
        "bert": "good",
        "chance": "chance",
    }
    assert found["chance"].p_value > 0.05
    assert found["anna"].p_value < 0.01
    assert found["anna"].seconds == 3.0


def test_a_labeller_who_always_says_the_same_is_noticed(queue, truth):
    label(queue, {"anna": noisy(truth, 0.1, 1), "lazy": ["card"] * 60})
    # Half of the answers agree, as often as by chance.
    assert people(queue)["lazy"].verdict == "chance"


def test_chance_is_called_so_about_as_seldom_as_is_stated(tmp_path):
    wrong = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        queue = QueueStore(tmp_path / f"{seed}.sqlite")
        truth = [str(one) for one in rng.choice(LABELS, 25)]
        rows = [NewItem("a", str(n), "text", truth={"label": one}) for n, one in enumerate(truth)]
        queue.add(rows)
        for number, one in enumerate(rng.choice(LABELS, 25).tolist(), 1):
            queue.label(number, "chance", {"label": one})
        wrong += people(queue)["chance"].verdict != "chance"
        queue.close()
    assert wrong <= 6  # 5 % of 40 are 2; six or more have a probability of 1 %.


def test_trusted_answers_come_before_those_of_others(queue, truth):
    rows = [NewItem("a", str(row), "text", truth={"label": one}) for row, one in enumerate(truth)]
    queue.add(rows)
    for name, said in {"good": truth, "wrong": ["pin"] * 60, "same": ["pin"] * 60}.items():
        for number, one in enumerate(said, 1):
            queue.label(number, name, {"label": one})
    assert {name: one.verdict for name, one in people(queue).items()} == {
        "good": "good",
        "wrong": "chance",
        "same": "chance",
    }


def test_of_few_answers_nothing_is_said(queue):
    label(queue, {"anna": ["card"] * 5, "bert": ["loan"] * 5})
    assert {one.verdict for one in people(queue).values()} == {"few"}


def test_two_labellers_have_kappa_and_more_have_alpha(queue, truth):
    label(queue, {"anna": noisy(truth, 0.1, 1), "bert": noisy(truth, 0.1, 2)})
    assert set(agreements(queue.items(), queue.labels())) == {"krippendorff_alpha", "cohen_kappa"}
    for number, one in enumerate(noisy(truth, 0.1, 3), 1):
        queue.label(number, "cleo", {"label": one})
    assert set(agreements(queue.items(), queue.labels())) == {"krippendorff_alpha", "fleiss_kappa"}
    assert agreements(queue.items(), []) == {}


def test_spans_agree_word_by_word(queue):
    queue.add([NewItem("a", str(row), "Anna went to Paris") for row in range(12)])
    for number in range(1, 13):
        queue.label(number, "anna", {"spans": [[0, 4, "PERSON"], [13, 18, "PLACE"]]})
        queue.label(
            number, "bert", {"spans": [[0, 4, "PERSON"], [13, 18, "PLACE" if number % 2 else "PERSON"]]}
        )
    found = agreements(queue.items(), queue.labels())["krippendorff_alpha"]
    assert found.n_rows == 12
    assert 0.6 < found.low <= found.value < 0.95
    assert people(queue)["anna"].n_compared == 24


def test_accuracy_is_measured_on_rows_drawn_by_chance_alone(queue):
    suggestion = {"label": "card", "probability": 0.9}
    queue.set_overlap(0.0)
    rows = [
        NewItem("a", str(n), "text", suggestion=suggestion, version="v1", is_audit=n < 10) for n in range(30)
    ]
    queue.add(rows)
    for number in range(1, 31):
        queue.label(number, "anna", {"label": "card" if number <= 8 else "loan"})
    [found] = measured(queue.decided())
    assert (found.version, found.value, found.n_rows) == ("v1", 0.8, 10)
    assert found.low == pytest.approx(0.498, abs=0.01)  # Jeffreys' interval of 8 of 10.
    assert found.high == pytest.approx(0.951, abs=0.01)


def test_a_queue_says_whether_to_stop(queue):
    queue.change(labels=LABELS)
    state = state_of(queue, margin=0.03)
    assert (state.advice.stops, state.missing_labels) == (False, LABELS)
    for version, changed in (("v1", 200), ("v2", 0), ("v2", 0), ("v3", 0), ("v4", 0), ("v5", 0)):
        queue.note_round(version, [Watched(str(n), "loan" if n < changed else "card") for n in range(400)])
    state = state_of(queue, margin=0.03)
    assert state.advice.stops  # The second v2 is no new model: four changes, the last three are none.
    assert state.advice.change.upper == pytest.approx(1 - (0.05 / 20) ** (1 / 400), abs=1e-4)
    assert "at most 1.5 points (95 %)" in state.advice.reason
    assert state.as_dict()["advice"]["change"]["n_rows"] == 400
