"""Too few rows, texts that are too long, damaged runs: no false pass, no endless search, and a sentence."""

import numpy as np
import pytest

from metier.assurance.behaviour import adversarial
from metier.assurance.behaviour.adversarial import adversarial_result
from metier.assurance.figures.of_metric import FEWEST_DRAWN, drawn_figure
from metier.assurance.verdict import CANNOT_TELL, judge
from metier.cli import program
from metier.errors import BundleError
from metier.evaluation import compare
from metier.evaluation.intervals import Interval
from metier.report.sentences import in_chinese
from metier.runs.run_folder import RunFolder


class Never:
    """A model that must not be asked."""

    name = "never.v1"

    def predict(self, items):
        raise AssertionError(f"asked {len(items)} questions")


def test_a_text_too_long_to_be_searched_is_left_out():
    found = adversarial_result(
        Never(), ["lost card " * 20_000, "卡" * 200_000, "a b " * adversarial.MOST_WORDS]
    )
    assert (found.cases, found.left_out) == ((), 3)


@pytest.mark.parametrize("rows", [1, FEWEST_DRAWN - 1])
def test_a_figure_drawn_from_a_few_rows_tells_nothing(rows):
    figure = drawn_figure(lambda level: Interval(0.1, 0.1, 0.1), rows, is_share=True, higher_is_better=False)
    found = judge(figure, "<=", 0.5, level=0.95)
    assert found.outcome == CANNOT_TELL
    assert found.more_rows is None
    enough = drawn_figure(
        lambda level: Interval(0.1, 0.0, 0.2), FEWEST_DRAWN, is_share=True, higher_is_better=False
    )
    assert judge(enough, "<=", 0.5, level=0.95).outcome == "pass"


@pytest.mark.parametrize("rows", [1, 2, 4])
@pytest.mark.parametrize("metric", ["accuracy", "macro_f1"])
def test_two_fractions_never_differ_by_more_than_all(rows, metric):
    truth = np.arange(rows) % 2
    found = compare(truth, truth, np.full(rows, 2), metric=metric, random_state=0)
    assert -1 <= found.low <= found.difference <= found.high <= 1


@pytest.mark.parametrize("content", ["{", "[" * 50_000, "\ufffe\x00"])
def test_a_damaged_file_of_a_run_is_named(tmp_path, content):
    (tmp_path / "data.json").write_text(content, encoding="utf-8")
    with pytest.raises(BundleError, match=r"data\.json is damaged") as found:
        RunFolder(tmp_path).read_json("data.json")
    assert in_chinese(str(found.value)) != str(found.value)
    (tmp_path / "report.json").write_text(content, encoding="utf-8")
    with pytest.raises(BundleError, match="is not the report"):
        RunFolder(tmp_path).report()


@pytest.mark.parametrize("call", [("clean", "--output"), ("check", "--fix")])
def test_an_output_without_a_name_is_refused(tmp_path, capsys, call):
    rows = tmp_path / "rows.csv"
    rows.write_text("text,label\na,b\n", encoding="utf-8")
    assert program.run([call[0], str(rows), call[1], ""]) == 2
    assert "Name a file to write" in capsys.readouterr().err


@pytest.mark.parametrize("target", ["nan", "inf", "0"])
def test_a_target_that_is_no_share_is_refused(tmp_path, capsys, target):
    assert program.run(["evaluate", str(tmp_path), "rows.csv", "--target-accuracy", target]) == 2
    assert "is not in the range" in capsys.readouterr().err
