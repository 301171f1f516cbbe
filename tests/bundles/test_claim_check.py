from pathlib import Path

import pytest

import metier
from metier.bundles.claim_check import claim_checked
from metier.cli.program import run as run_command
from metier.errors import CallError
from metier.predictors.text.extracted_sentences import written

SEALED = Path(__file__).parent / "sealed_71959d8"


class Said:
    name, labels = "said.v1", ()

    def predict(self, items):
        return written(["We know that Acme has 12"] * len(items), self.name)


def test_records_say_what_the_source_does_not():
    plain = metier.load(SEALED / "nearest_reply.v1")
    checked = claim_checked(plain)
    checked.predictor.inner = Said()
    answers = checked.predict(["Acme bought Bolt.", "In all, 12 of Acme."])
    assert [answers.record(row)["unsupported"] for row in (0, 1)] == ["12", None]


def test_what_writes_nothing_is_refused():
    with pytest.raises(CallError, match="--flag-unsupported"):
        claim_checked(metier.load(SEALED / "linear.v1"))


def test_a_file_gets_the_column(tmp_path, capsys):
    source, output = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("text\nWhat is new?\nhello there\n", encoding="utf-8")
    call = ["predict", str(SEALED / "nearest_reply.v1"), "--flag-unsupported"]
    assert run_command([*call, "--input", str(source), "--output", str(output)]) == 0
    assert "unsupported" in output.read_text("utf-8").splitlines()[0]
    assert run_command([*call, "What is new?"]) == 0
    assert run_command([*call, "--stream", "What is new?"]) == 2
