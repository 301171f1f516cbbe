"""Times of an archive are read as those of live messages."""

import pytest

from metier.data import read
from metier.errors import DataError
from metier.monitoring.archive_times import archive_seconds


def archive(folder, *times):
    path = folder / "archive.csv"
    lines = [f"message number {number},{time}" for number, time in enumerate(times)]
    path.write_text("\n".join(["text,written", *lines]) + "\n", encoding="utf-8")
    return read(path, text="text", time="written", label="none")


@pytest.mark.parametrize(
    "time",
    [
        "2026-03-02T00:00:00Z",
        "2026-03-02",
        "20260302",
        "1772409600",
        "1772409600000",
        "1772409600000000",
        "1772409600.0",
    ],
)
def test_one_moment_in_many_forms(tmp_path, time):
    assert archive_seconds(archive(tmp_path, time, time)).tolist() == [1772409600.0] * 2


@pytest.mark.parametrize(
    "time", ["0001-01-01", "9999-12-31", "1969-12-31", "-86400", "nan", "inf", "1" + "0" * 300]
)
def test_a_time_outside_of_the_years_is_said_with_its_row(tmp_path, time):
    first = "2026-03-02" if "-" in time[1:] else "1772409600"
    with pytest.raises(DataError, match=r"in row 2 of .*archive.csv"):
        archive_seconds(archive(tmp_path, first, time))
