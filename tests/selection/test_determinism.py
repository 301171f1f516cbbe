"""Same seed, same rows, same machine: the same answers, to the last bit."""

from pathlib import Path

import pytest

from metier.data import read
from metier.selection.api import train

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def answers_of(run):
    """Every answer of a run as it lies on the disk, by file."""
    return {
        path.name: path.read_bytes() for path in run.folder.glob("answers/*.*.*.*") if path.suffix != ".json"
    }


@pytest.fixture(scope="module")
def banking():
    rows = read(EXAMPLES / "banking77/train.csv")
    few = sorted(set(rows.labels))[:3]
    picked = [index for index, label in enumerate(rows.labels) if label in few][::4]
    test = read(EXAMPLES / "banking77/test.csv")
    return rows.take(picked), test.take([index for index, label in enumerate(test.labels) if label in few][::4])


def test_encoder_and_tfidf(tmp_path, banking, small_base):
    settings = {
        "base": str(small_base),
        "refit": False,
        "methods": {"encoder": {"precision": "fp32", "epochs": 2}},
    }
    both = ["tfidf_linear", "encoder"]
    first, second, other = (
        train(
            banking[0], test=banking[1], budget="30m", candidates=candidates,
            run=tmp_path / name, settings={**settings, "random_state": seed},
        )
        for name, seed, candidates in (("first", 3, both), ("second", 3, both), ("other", 4, ["encoder"]))
    )  # fmt: skip
    before = answers_of(first)
    assert {name.split(".")[0] for name in before} == {"tfidf_linear", "encoder"}
    assert before == answers_of(second)
    name = "encoder.v1.test.npy"
    assert before[name] != answers_of(other)[name]  # A seed that changed nothing would prove nothing.


def test_crf(tmp_path):
    rows, test = (read(EXAMPLES / f"ncbi_disease/{split}.conll") for split in ("train", "test"))
    first, second = (
        train(rows.take(range(60)), test=test.take(range(20)), candidates=["crf"], run=tmp_path / name)
        for name in ("first", "second")
    )
    assert answers_of(first)
    assert answers_of(first) == answers_of(second)
