"""Every method of the catalogue, made cheap, and real rows to train it on.

A method that joins the catalogue is in these checks by its name; only what makes it cheap is added in `CHEAP`.
"""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from metier import catalogue
from metier.tasks.task_table import known_task

EXAMPLES = Path(__file__).parents[2] / "examples"
LABELS = (
    "card_arrival",
    "exchange_rate",
    "top_up_failed",
    "change_pin",
    "age_limit",
    "lost_or_stolen_card",
)


@dataclass(frozen=True)
class Complaints:
    texts: list[str]
    labels: list[str]

    @property
    def majority_fraction(self) -> float:
        return max(self.labels.count(label) for label in set(self.labels)) / len(self.labels)


def read_complaints(name, *, rows):
    with (EXAMPLES / "banking77" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    # Not the same number of each, or no label would be the majority.
    taken = [
        row
        for number, label in enumerate(LABELS)
        for row in [row for row in found if row["label"] == label][: rows - number]
    ]
    order = np.random.default_rng(0).permutation(len(taken))
    return Complaints([taken[i]["text"] for i in order], [taken[i]["label"] for i in order])


@pytest.fixture(scope="session")
def complaints():
    """Training and unseen rows of six of the 77 labels."""
    return read_complaints("train", rows=18), read_complaints("test", rows=14)


@pytest.fixture(scope="session")
def base(cut_to) -> str:
    """MiniLM cut to its lowest layer: real words and real weights, a sixth of the work."""
    return str(cut_to(1))


def cheap_words():
    return catalogue.resolve("tfidf_linear.v1")(model="svc", C=1.0)


CHEAP = {
    "static.v1": lambda base: {"base": base()},
    "frozen_linear.v1": lambda base: {"base": base(), "precision": "fp32"},
    "few_shot.v1": lambda base: {"base": base(), "steps": 2, "precision": "fp32"},
    "encoder.v1": lambda base: {"base": base(), "epochs": 1, "precision": "fp32"},
    "average.v1": lambda base: {"members": [catalogue.resolve("majority.v1")(), cheap_words()]},
    "cascade.v1": lambda base: {"stages": [catalogue.resolve("majority.v1")(), cheap_words()]},
}


ONE_LABEL = known_task("classification")


@pytest.fixture(scope="session", params=sorted([*ONE_LABEL.candidates, *ONE_LABEL.ensembles]))
def method_name(request) -> str:
    return request.param


@pytest.fixture(scope="session")
def build(method_name, request):
    """Gives a fresh, unfitted, cheap instance of the method."""

    def fresh(**settings) -> Any:
        cheap = CHEAP.get(method_name, lambda _: {})(lambda: request.getfixturevalue("base"))
        return catalogue.resolve(method_name)(**cheap | settings)

    return fresh


@pytest.fixture(scope="session")
def fitted(build, complaints):
    """The method, fitted once on the training rows; tests only ask it."""
    train, _ = complaints
    return build().fit(train.texts, train.labels)


@pytest.fixture(scope="session")
def exported(fitted, method_name, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported") / method_name
    folder.mkdir()
    fitted.export(folder)
    return folder
