import csv
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
LABELS = ("age_limit", "atm_support", "card_arrival", "change_pin", "exchange_rate", "lost_or_stolen_card")


def read(name, *, most):
    """Give texts and labels of six of the 77 labels, so many rows each."""
    with (EXAMPLES / "banking77" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        rows = [(row["text"], row["label"]) for row in csv.DictReader(file)]
    taken = [row for label in LABELS for row in [row for row in rows if row[1] == label][:most]]
    return [text for text, _ in taken], [label for _, label in taken]


@pytest.fixture(scope="session")
def train():
    """Texts and labels to learn from."""
    return read("train", most=30)


@pytest.fixture(scope="session")
def unseen():
    """Texts and labels that no method has seen."""
    return read("test", most=40)
