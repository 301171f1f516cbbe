"""What `metier train` prints at the end of a run."""

from metier.cli.run_summary import _table, _time_lines, print_report
from metier.report.section import Page


def test_where_the_time_went_is_told_for_all_that_took_two_seconds():
    phases = {"planning": 12.0, "encoder.v1": 150.0, "sealing": 1.2, "majority.v1": 0.0}
    report = {"seconds": 170.0, "budget_seconds": 600.0, "phases": phases}
    assert _time_lines(Page(report)) == ["time   2 min 50 s of 10 min: encoder.v1 2 min 30 s, planning 12 s"]
    assert _time_lines(Page({"seconds": 1.0, "budget_seconds": 60.0})) == ["time   1.0 s of 1 min"]


def _candidate(name, fraction):
    figure = {"value": 0.568182, "low": 0.55, "high": 0.58}
    return {
        "name": name, "status": "trained", "fraction": fraction, "test": {"accuracy": figure, "macro_f1": figure},
        "members": [], "train_seconds": 2.5, "latency_ms": {"mean": 0.0026}, "rows_per_second": 7_732_114,
        "size_bytes": 2_900_000, "facts": {}, "why": None,
    }  # fmt: skip


def _report(*candidates):
    metrics = {name: {"is_fraction": True} for name in ("accuracy", "macro_f1")}
    return {
        "primary_metric": "macro_f1", "metrics": metrics, "candidates": candidates, "reasons": [], "audit": [],
        "recommended": candidates[0]["name"], "recommendation": "tfidf_linear.v1: the best on validation",
        "data": {"rows": {"test": 100}},
        "seconds": 1.0, "budget_seconds": 60.0, "run": "runs/a",
    }  # fmt: skip


def test_a_candidate_says_on_which_part_of_the_rows_it_was_trained(capsys):
    print_report(_report(_candidate("tfidf_linear.v1", 0.0334), _candidate("majority.v1", 1.0)), verbose=False)
    lines = capsys.readouterr().out.splitlines()
    heading = next(line for line in lines if line.startswith("candidate"))
    assert "of rows" in heading
    assert "of rows" not in str(_table(Page(_report(_candidate("a.v1", 1.0)))).columns)
    assert [line.split()[1:3] for line in lines if "[" in line][1:] == [["3.34", "%"], ["100", "%"]]


def test_the_table_is_not_cut_where_it_is_wider_than_what_shows_it(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    print_report(_report(_candidate("a_method_with_a_long_name.v1", 0.4)), verbose=False)
    shown = capsys.readouterr().out
    assert "…" not in shown
    assert "7,732,114" in shown
    assert "2.9 MB" in shown
