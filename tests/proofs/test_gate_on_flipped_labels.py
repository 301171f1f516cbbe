"""The gate tells a bundle trained on wrong labels from its clean twin, and 40 rows do not suffice to tell."""

import csv
import random

import pytest

import metier
from metier.assurance.gating import gate
from metier.assurance.verdict import CANNOT_TELL, FAIL, PASS
from tests.conftest import few_rows, write_records

LABELS = ("card_arrival", "exchange_rate", "age_limit", "pin_blocked", "lost_or_stolen_card", "atm_support")
POLICY = "rows: {rows}\nconditions:\n  - accuracy >= 0.88\n"
FLIPPED = 0.5


def flipped(records, seed):
    """The same rows, a share of them with another label."""
    drawn = random.Random(seed)
    others = {label: [one for one in LABELS if one != label] for label in LABELS}
    return [
        {**row, "intent": drawn.choice(others[row["intent"]]) if drawn.random() < FLIPPED else row["intent"]}
        for row in records
    ]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gate")
    train = few_rows("banking77", "train", LABELS, 40)
    test = few_rows("banking77", "test", LABELS, 40)
    write_records(folder / "test.csv", test)
    write_records(folder / "forty.csv", test[::6])
    for name, rows in (("clean", train), ("wrong", flipped(train, seed=0))):
        write_records(folder / f"{name}.csv", rows)
        metier.train(
            folder / f"{name}.csv",
            candidates=["tfidf_linear"],
            budget=5,
            text="message",
            label="intent",
            run=folder / name,
        )
    return folder


@pytest.mark.parametrize(
    ("run", "rows", "verdict"),
    [("clean", "test", PASS), ("wrong", "test", FAIL), ("clean", "forty", CANNOT_TELL)],
)
def test_the_gate_tells_them_apart(place, run, rows, verdict):
    policy = place / f"{run}-{rows}.yaml"
    policy.write_text(POLICY.format(rows=f"{rows}.csv"), encoding="utf-8")
    found = gate(place / run, policy, seals=False)
    [judged] = found.result.judged
    with (place / f"{rows}.csv").open(encoding="utf-8") as file:
        assert judged.figure.rows == len(list(csv.DictReader(file)))
    assert found.result.outcome == verdict, judged
    if verdict == CANNOT_TELL:
        assert judged.verdict.more_rows > 0
