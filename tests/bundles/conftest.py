import csv
import shutil
from pathlib import Path

import pytest

from metier.bundles import ManifestFacts, seal, write_card
from metier.classical import TfidfLinear
from metier.predictors.loading import read_settings

BANKING = Path(__file__).parents[2] / "examples" / "banking77" / "train.csv"


def facts_of(folder, **changes):
    """Facts that agree with the predictor in a folder."""
    settings = read_settings(folder)
    facts = {
        "name": settings["name"],
        "task": {"name": "classification", "labels": settings["labels"]},
        "method": settings["name"],
        "method_params": {"model": "svc", "C": 1.0},
        "predictor": {"kind": settings["kind"], "name": settings["name"]},
        "calibration": {"temperature": 0.2},
        "data": {
            "fingerprint": "ab" * 32,
            "origin": "train.csv",
            "rows": {"train": 120, "test": 40},
            "language": "en",
        },
        "seeds": {"random_state": 0},
        "packages": {"metier": "0.1.0"},
        "measured": {
            "latency_ms": {"p50": 0.081, "p95": 0.14},
            "rows_per_second": 9000.0,
            "size_bytes": 250_000,
            "cpu": "a processor",
        },
        "metrics": {
            "validation": {"accuracy": {"value": 0.95, "low": 0.91, "high": 0.98}},
            "test": {
                "accuracy": {"value": 0.94, "low": 0.9, "high": 0.97},
                "macro_f1": {"value": 0.93, "low": 0.89, "high": 0.96},
                "log_loss": 0.21,
            },
        },
    }
    return ManifestFacts.model_validate(facts | changes)


@pytest.fixture(scope="session", name="facts_of")
def facts_of_fixture():
    return facts_of


@pytest.fixture(scope="session")
def texts():
    with BANKING.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    wanted = ("card_arrival", "age_limit", "exchange_rate")
    return [(row["text"], row["label"]) for label in wanted for row in rows if row["label"] == label][::3]


@pytest.fixture(scope="session")
def method(texts):
    return TfidfLinear(model="svc", C=1.0, temperature=0.2).fit([t for t, _ in texts], [y for _, y in texts])


@pytest.fixture(scope="session")
def sealed_once(method, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sealed") / "tfidf_linear.v1"
    folder.mkdir()
    method.export(folder)
    facts = facts_of(folder)
    write_card(folder, facts)
    seal(folder, facts)
    return folder


@pytest.fixture
def bundle(sealed_once, tmp_path):
    """A sealed bundle that a test may damage."""
    return Path(shutil.copytree(sealed_once, tmp_path / "tfidf_linear.v1"))
