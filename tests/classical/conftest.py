import csv
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def _read(path, *, most):
    """Give texts and labels of a file, evenly taken so that every label is there."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = [(row["text"], row["label"]) for row in csv.DictReader(file)]
    picked = rows[:: max(1, len(rows) // most)]
    return [text for text, _ in picked], [label for _, label in picked]


@pytest.fixture(scope="session")
def banking():
    """Training and unseen rows of ten of the 77 labels."""
    wanted = {
        "card_arrival", "lost_or_stolen_card", "exchange_rate", "top_up_failed", "change_pin",
        "age_limit", "refund_not_showing_up", "atm_support", "country_support", "verify_my_identity",
    }  # fmt: skip
    parts = []
    for name, most in (("train", 60), ("test", 20)):
        with (EXAMPLES / "banking77" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            rows = [(row["text"], row["label"]) for row in csv.DictReader(file) if row["label"] in wanted]
        taken = [row for label in sorted(wanted) for row in [r for r in rows if r[1] == label][:most]]
        parts.append(([text for text, _ in taken], [label for _, label in taken]))
    return tuple(parts)


@pytest.fixture(scope="session")
def chinese():
    """Training and unseen titles in Chinese."""
    folder = EXAMPLES / "csl_category_zh"
    return _read(folder / "train.csv", most=1_000), _read(folder / "test.csv", most=300)
