"""The flags of `metier serve` for the store of predictions."""

from pathlib import Path

import pytest

from metier.cli.prediction_log_options import asked_predictions
from metier.cli.program import run
from metier.serving.prediction_log.prediction_log import DATABASE

SEALED = Path(__file__).parents[1] / "bundles" / "sealed_71959d8" / "linear.v1"


@pytest.mark.parametrize(
    ("flags", "code", "says"),
    [
        (["--log-days", "3"], 2, "--log-days would do nothing without a store of predictions"),
        (["--log-texts", "none"], 2, "--log-texts would do nothing without a store of predictions"),
        (["--log-texts", "raw"], 2, "'raw' is not one of 'masked', 'none', 'plain'"),
        (["--log-database", "nowhere"], 2, "which is no URL of one"),
    ],
)
def test_a_store_that_cannot_be_meant_is_refused_before_anything_is_served(flags, code, says, capsys):
    assert run(["serve", str(SEALED), *flags]) == code
    assert says in " ".join(capsys.readouterr().err.split())


def test_a_store_that_cannot_be_used_is_said_before_anything_is_served(tmp_path, capsys):
    (tmp_path / DATABASE).write_text("something else" * 100)
    assert run(["serve", str(SEALED), "--log-predictions", str(tmp_path)]) == 1
    assert "The database of the predictions" in capsys.readouterr().err


def test_the_flags_say_where_what_and_how_long(tmp_path):
    found = asked_predictions(tmp_path / "log", None, "none", 30)
    assert (found.where, found.texts, found.days) == (tmp_path / "log", "none", 30)
    assert (tmp_path / "log" / DATABASE).is_file()
    assert asked_predictions(None, None, "masked", None).where is None
