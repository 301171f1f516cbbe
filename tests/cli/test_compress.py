"""`metier compress` on a trained linear model: what is printed, in both languages, and the exit codes."""

import json
import re

import pytest
from click.testing import CliRunner

pytest.importorskip("torch", reason="needs metier[train]")

from metier.cli.compress import compress


@pytest.fixture(scope="module")
def ask(small_runs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")

    def asked(*options, language="en"):
        call = [str(small_runs / "runs" / language), "--data", str(small_runs / f"{language}-train.csv")]
        call += ["--validation", str(small_runs / f"{language}-test.csv"), "--margin", "0.4", "--overwrite"]
        return CliRunner().invoke(compress, [*call, "--output", str(folder / language), *options])

    return asked


def test_the_conclusion_comes_first_and_the_next_command_last(ask, tmp_path):
    found = ask("--plot", str(tmp_path / "frontier.svg"))
    assert found.exit_code == 0, found.output
    assert re.match(r".*/en: tfidf_linear.v1 by sparse", found.stdout)
    assert "★ sparse" in found.stdout
    assert "next:  metier serve" in found.stderr
    assert (tmp_path / "frontier.svg").read_text("utf-8").startswith("<svg xmlns=")


def test_it_speaks_chinese(ask):
    found = ask("--lang", "zh", language="zh")
    assert found.exit_code == 0, found.output
    assert "技术" in found.stdout
    assert "等价" in found.stdout
    assert "equivalent" not in found.stdout


def test_a_target_out_of_reach_ends_with_one_and_names_the_nearest(ask, tmp_path):
    found = ask("--target", "size_mb=0.00001", "--output", str(tmp_path / "never"))
    assert found.exit_code == 1
    assert "nothing reaches size_mb=1e-05; the nearest is sparse" in found.stdout


def test_json_has_all_figures(ask):
    facts = json.loads(ask("--json").stdout)
    assert facts["points"][0]["judgement"]["verdict"] == "equivalent"
    assert facts["points"][0]["timing"]["rounds"] >= 2
