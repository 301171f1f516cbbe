"""Findings told to people: once, together, again where nobody took them on, and never lost."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from metier.monitoring.alerts import AlertSettings, StoredAlerts
from metier.monitoring.alerts.acknowledging import acknowledge, failed_deliveries, listed
from metier.monitoring.alerts.outbox import pause_seconds, send_again, tally
from metier.monitoring.alerts.recording import record_findings
from metier.monitoring.alerts.silencing import add_silence
from metier.monitoring.store.tables import DELIVERIES, FINDINGS

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
NOW = NOON.timestamp()
HOUR, DAY = 3_600.0, 86_400.0


@pytest.fixture
def lines(tmp_path):
    path = tmp_path / "alarms.jsonl"

    def read():
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        return [json.loads(line) for line in text.splitlines()]

    read.path = path
    return read


def alerts(*receivers, **settings):
    given = {"group_wait_seconds": 0, **settings}
    return StoredAlerts(AlertSettings(receivers=receivers, **given))


def to_file(lines, **settings):
    return {"kind": "file", "path": str(lines.path), **settings}


def deliveries(store):
    with store.reading() as connection:
        return connection.execute(select(DELIVERIES).order_by(DELIVERIES.c.number)).mappings().all()


def test_a_finding_is_told_once_and_its_end_once(store, surge, lines):
    told = alerts(to_file(lines))
    for hours in range(3):
        told.tell(store, [surge()], NOW + hours * HOUR)
        told.deliver(store, NOW + hours * HOUR)
    assert [one["status"] for one in lines()] == ["firing"]
    for hours in range(3, 6):
        told.tell(store, [surge(is_over=True, raised=NOON + timedelta(hours=3))], NOW + 3 * HOUR)
        told.deliver(store, NOW + hours * HOUR)
    assert [(one["status"], one["ended"]) for one in lines()] == [
        ("firing", None),
        ("resolved", "2026-03-02T15:00:00.000Z"),
    ]
    with store.reading() as connection:
        assert len(connection.execute(select(FINDINGS)).all()) == 1


def test_the_same_surge_later_is_a_new_alarm(store, surge, lines):
    told = alerts(to_file(lines))
    told.tell(store, [surge(), surge(is_over=True)], NOW)
    told.deliver(store, NOW)
    told.tell(store, [surge(raised=NOON + timedelta(days=3), since=NOON + timedelta(days=3))], NOW + 3 * DAY)
    told.deliver(store, NOW + 3 * DAY)
    assert [one["status"] for one in lines()] == ["resolved", "firing"]
    assert len({one["fingerprint"] for one in lines()}) == 1


def test_what_goes_on_is_repeated_after_its_hours_until_somebody_takes_it_on(store, surge, lines):
    told = alerts(to_file(lines), repeat_hours=12)
    told.tell(store, [surge()], NOW)
    for hours in range(0, 30, 3):
        told.deliver(store, NOW + hours * HOUR)
    assert len(lines()) == 3  # At once, after 12 and after 24 hours.
    with store.writing() as connection:
        acknowledge(connection, 1, by="Ana", comment="carrier strike", now=NOW + 30 * HOUR)
    told.deliver(store, NOW + 60 * HOUR)
    assert len(lines()) == 3
    told.tell(store, [surge(is_over=True)], NOW + 61 * HOUR)
    told.deliver(store, NOW + 61 * HOUR)
    assert [one["status"] for one in lines()][3:] == ["resolved"]
    with store.reading() as connection:
        (one,) = listed(connection, NOW + 61 * HOUR, with_ended=True)
    assert (one.by, one.comment) == ("Ana", "carrier strike")


def test_a_graver_finding_is_told_again_at_once(store, surge, lines):
    told = alerts(to_file(lines))
    told.tell(store, [surge()], NOW)
    told.deliver(store, NOW)
    told.tell(store, [surge(severity="critical")], NOW + HOUR)
    told.deliver(store, NOW + HOUR)
    told.tell(store, [surge(severity="info")], NOW + 2 * HOUR)
    told.deliver(store, NOW + 2 * HOUR)
    assert [one["severity"] for one in lines()] == ["warning", "critical"]


def test_alarms_of_a_group_wait_for_one_another(store, surge, inbox):
    told = alerts({"kind": "webhook", "url": inbox.url}, group_by=("company",), group_wait_seconds=30)
    told.tell(store, [surge()], NOW)
    told.deliver(store, NOW + 10)
    assert inbox.requests == []
    other_topic = surge(series={"company": "Acme", "topic": "price"})
    told.tell(store, [other_topic, surge("Globex")], NOW + 20)
    told.deliver(store, NOW + 31)
    told.deliver(store, NOW + 51)
    assert [(one["groupLabels"]["company"], len(one["alerts"])) for one in inbox.bodies] == [
        ("Acme", 2),
        ("Globex", 1),
    ]


def test_a_group_of_many_is_sent_in_parts_and_all_of_it(store, surge, inbox):
    told = alerts({"kind": "webhook", "url": inbox.url}, most_together=4)
    told.tell(store, [surge(f"C{n}") for n in range(10)], NOW)
    for _ in range(3):
        told.deliver(store, NOW)
    assert sorted(a["labels"]["company"] for one in inbox.bodies for a in one["alerts"]) == sorted(
        f"C{n}" for n in range(10)
    )
    assert max(len(one["alerts"]) for one in inbox.bodies) == 4


def test_receivers_get_what_they_want(store, surge, lines, tmp_path):
    grave, acme = tmp_path / "grave.jsonl", tmp_path / "acme.jsonl"
    told = alerts(
        {"kind": "file", "name": "grave", "path": str(grave), "severities": ["critical"], "tells_ended": False},
        {"kind": "file", "name": "acme", "path": str(acme), "series": {"company": "Acme"}, "quotes": 0},
    )
    told.tell(store, [surge(), surge("Globex", severity="critical")], NOW)
    told.deliver(store, NOW)
    told.tell(store, [surge(is_over=True), surge("Globex", severity="critical", is_over=True)], NOW + DAY)
    told.deliver(store, NOW + DAY)
    written = {path.stem: [json.loads(x) for x in path.read_text().splitlines()] for path in (grave, acme)}
    assert [(one["series"]["company"], one["status"]) for one in written["grave"]] == [("Globex", "firing")]
    assert [(one["series"]["company"], one["status"]) for one in written["acme"]] == [
        ("Acme", "firing"),
        ("Acme", "resolved"),
    ]
    assert written["acme"][0]["examples"] == []


def test_a_silence_holds_alarms_back_and_they_are_told_when_it_ends(store, surge, lines):
    told = alerts(to_file(lines))
    with store.writing() as connection:
        add_silence(connection, {"company": "Acme"}, now=NOW, seconds=2 * DAY, who="Ana", why="campaign")
    told.tell(store, [surge(), surge("Globex")], NOW + 1)
    told.deliver(store, NOW + 1)
    assert [one["series"]["company"] for one in lines()] == ["Globex"]
    with store.reading() as connection:
        until = {one.told.series["company"]: one.silenced_until for one in listed(connection, NOW + 1)}
    assert until == {"Acme": NOON + timedelta(days=2), "Globex": None}
    told.deliver(store, NOW + 2 * DAY + 1)
    assert [one["series"]["company"] for one in lines()][1:] == ["Acme", "Globex"]  # Globex: repeated.


def test_what_began_and_ended_in_a_silence_is_not_told(store, surge, lines):
    told = alerts(to_file(lines))
    with store.writing() as connection:
        add_silence(connection, {"kind": "surge"}, now=NOW, seconds=2 * DAY, who="Ana", why="")
    told.tell(store, [surge()], NOW + 1)
    told.tell(store, [surge(is_over=True)], NOW + DAY)
    told.deliver(store, NOW + DAY)
    told.deliver(store, NOW + 3 * DAY)
    assert lines() == []


def test_a_silence_reaches_what_waits_already(store, surge, lines):
    told = alerts(to_file(lines), group_wait_seconds=60)
    told.tell(store, [surge(), surge("Globex")], NOW)
    with store.writing() as connection:
        add_silence(connection, {"company": "Acme"}, now=NOW + 1, seconds=HOUR, who="Ana", why="")
    told.deliver(store, NOW + 61)
    assert [one["series"]["company"] for one in lines()] == ["Globex"]
    told.deliver(store, NOW + 2 * HOUR)
    told.deliver(store, NOW + 2 * HOUR + 60)
    assert [one["series"]["company"] for one in lines()] == ["Globex", "Acme"]


def test_an_archive_read_first_tells_nobody_of_old_surges(store, surge, lines):
    old = NOON - timedelta(days=300)
    told = alerts(to_file(lines))
    told.tell(store, [surge(raised=old, since=old), surge("Globex")], NOW)
    told.deliver(store, NOW)
    assert [one["series"]["company"] for one in lines()] == ["Globex"]


def test_findings_that_the_store_wrote_down_itself_are_delivered(store, surge, lines):
    with store.writing() as connection:
        assert record_findings(connection, [surge(), surge("Globex"), surge()]) == [1, 2, 1]
    alerts(to_file(lines)).deliver(store, NOW)
    assert [one["series"]["company"] for one in lines()] == ["Acme", "Globex"]


def test_a_receiver_that_fails_is_tried_again_later_and_later(store, surge, inbox):
    inbox.answers = [503, 503]
    told = alerts({"kind": "webhook", "url": inbox.url})
    told.tell(store, [surge()], NOW)
    told.deliver(store, NOW)
    (row,) = deliveries(store)
    assert (row["status"], row["attempts"]) == ("waiting", 1)
    assert "503" in row["error"]
    assert 5 <= row["next_attempt"] - NOW <= 10
    told.deliver(store, NOW + 4)
    assert len(inbox.requests) == 1
    told.deliver(store, NOW + 11)
    told.deliver(store, NOW + 60)
    (row,) = deliveries(store)
    assert (row["status"], row["attempts"], row["error"]) == ("sent", 3, None)
    assert len({one["headers"]["idempotency-key"] for one in inbox.requests}) == 1
    assert told.metrics._tries.labels("webhook", "failed")._value.get() == 2
    assert told.metrics._tries.labels("webhook", "sent")._value.get() == 1


def test_pauses_double_up_to_an_hour_and_differ():
    pauses = [pause_seconds(1, attempt, first=10) for attempt in range(1, 30)]
    for attempt, pause in enumerate(pauses, 1):
        whole = min(10 * 2 ** (attempt - 1), 3_600)
        assert whole / 2 <= pause <= whole
    assert len({pause_seconds(n, 3, first=10) for n in range(50)}) == 50


def test_a_receiver_says_how_long_it_wants_to_be_left_alone(store, surge, inbox):
    inbox.answers, inbox.headers = [429], {"retry-after": "120"}
    told = alerts({"kind": "webhook", "url": inbox.url})
    told.tell(store, [surge()], NOW)
    told.deliver(store, NOW)
    assert deliveries(store)[0]["next_attempt"] == NOW + 120


def test_a_dead_delivery_is_kept_with_its_reason_and_can_be_sent_again(store, surge, inbox):
    inbox.answers = [500, 500]
    told = alerts({"kind": "webhook", "url": inbox.url}, tries=2)
    told.tell(store, [surge()], NOW)
    for minutes in range(5):
        told.deliver(store, NOW + 60 * minutes)
    assert len(inbox.requests) == 2
    with store.reading() as connection:
        (dead,) = failed_deliveries(connection)
        assert listed(connection, NOW)[0].undelivered == ("webhook",)
        assert tally(connection)["dead"] == 1
    assert dead["status"] == "dead"
    with store.writing() as connection:
        assert send_again(connection, NOW + HOUR) == 1
    told.deliver(store, NOW + HOUR)
    assert len(inbox.requests) == 3
    assert deliveries(store)[0]["status"] == "sent"


def test_a_refusal_for_good_is_not_tried_again(store, surge, inbox):
    inbox.answers = [401]
    told = alerts({"kind": "webhook", "url": inbox.url})
    told.tell(store, [surge()], NOW)
    told.deliver(store, NOW)
    assert deliveries(store)[0]["status"] == "dead"


def test_one_receiver_that_hangs_stops_no_other(store, surge, inbox, lines):
    inbox.answers = [0]
    told = alerts(
        {"kind": "webhook", "url": inbox.url, "deadline_seconds": 0.3}, to_file(lines), group_by=("company",)
    )
    told.tell(store, [surge(), surge("Globex")], NOW)
    told.deliver(store, NOW)
    assert len(lines()) == 2
    hung, left = [one for one in deliveries(store) if one["receiver"] == "webhook"]
    assert (hung["status"], hung["attempts"]) == ("waiting", 1)
    assert (left["status"], left["attempts"], left["next_attempt"]) == ("waiting", 0, NOW)
    told.deliver(store, NOW + 30)
    assert {one["status"] for one in deliveries(store)} == {"sent"}


def test_an_end_never_overtakes_its_alarm(store, surge, inbox):
    inbox.answers = [503]
    told = alerts({"kind": "webhook", "url": inbox.url})
    told.tell(store, [surge()], NOW)
    told.deliver(store, NOW)
    told.tell(store, [surge(is_over=True)], NOW + 1)
    told.deliver(store, NOW + 1)
    assert len(inbox.requests) == 1
    told.deliver(store, NOW + 60)
    told.deliver(store, NOW + 61)
    assert [one["status"] for one in inbox.bodies] == ["firing", "resolved"]


def test_what_a_killed_process_had_taken_is_sent_by_the_next(store, surge, lines):
    told = alerts(to_file(lines))
    told.tell(store, [surge()], NOW)
    killed = alerts(to_file(lines))
    killed._lanes["file"].start = lambda _: (_ for _ in ()).throw(KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        killed.deliver(store, NOW)
    told.deliver(store, NOW + 1)  # The other may still be at it.
    assert lines() == []
    told.deliver(store, NOW + DAY / 2)
    assert len(lines()) == 1


def test_receivers_that_left_the_settings_are_no_silent_loss(store, surge, lines, inbox):
    alerts({"kind": "webhook", "url": inbox.url}).tell(store, [surge()], NOW)
    alerts(to_file(lines)).deliver(store, NOW)
    (row,) = [one for one in deliveries(store) if one["receiver"] == "webhook"]
    assert row["status"] == "dead"
    assert "settings" in row["error"]
