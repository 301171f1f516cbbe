"""What `metier train` prints at the end of a run."""

from metier.cli.train import _part, _time_lines


def test_where_the_time_went_is_told_for_all_that_took_two_seconds():
    phases = {"planning": 12.0, "encoder.v1": 150.0, "sealing": 1.2, "majority.v1": 0.0}
    report = {"seconds": 170.0, "budget_seconds": 600.0, "phases": phases}
    assert _time_lines(report) == ["time   2 min 50 s of 10 min: encoder.v1 2 min 30 s, planning 12 s"]
    assert _time_lines({"seconds": 1.0, "budget_seconds": 60.0}) == ["time   1.0 s of 1 min"]


def test_a_candidate_says_on_which_part_of_the_rows_it_was_trained():
    assert _part({"fraction": 0.4}) == ", 0.4 of the rows"
    assert _part({"fraction": 1.0}) == _part({}) == ""
