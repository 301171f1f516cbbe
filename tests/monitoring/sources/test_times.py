"""Times are read in the forms that sources write, and what is none says what was expected."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metier.monitoring.sources.times import read_time

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    [
        *("2026-05-01T12:00:00Z", "2026-05-01 14:00+02:00", "20260501T120000Z", "2026-05-01T12:00:00.000"),
        *("2026/5/1 12:00", "Fri, 01 May 2026 08:00:00 -0400", "Fri, 01 May 2026 12:00:00 GMT"),
        *(1777636800, 1777636800.0, 1777636800000, "1777636800", "1777636800000", 1777636800_000_000_000),
        *(datetime(2026, 5, 1, 12), datetime(2026, 5, 1, 14, tzinfo=ZoneInfo("Europe/Berlin"))),
    ],
)
def test_forms(written):
    assert read_time(written, zone=UTC) == NOON


def test_the_zone_of_times_without_one():
    assert read_time("2026-05-01 20:00", zone=ZoneInfo("Asia/Shanghai")) == NOON
    assert read_time("2026-05-01T12:00Z", zone=ZoneInfo("Asia/Shanghai")) == NOON


def test_a_form_that_is_told():
    assert read_time("01.05.2026 12h", zone=UTC, form="%d.%m.%Y %Hh") == NOON


@pytest.mark.parametrize(
    "written", ["soon", "", True, [], None, "0001-01-01", -5, 1e300, float("nan"), "2026-13-01"]
)
def test_what_is_no_time(written):
    with pytest.raises(ValueError, match=r"the time is .*, expected"):
        read_time(written, zone=UTC)


@given(
    st.datetimes(datetime(1971, 1, 1), datetime(2199, 1, 1)),
    st.sampled_from(["UTC", "Asia/Shanghai", "America/New_York"]),
)
def test_every_time_with_a_zone_comes_back(moment, zone):
    moment = moment.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    assert read_time(moment.isoformat(), zone=UTC) == moment
    assert read_time(moment.astimezone(ZoneInfo(zone)), zone=UTC) == moment
