"""`metier watch alarms`: people take alarms on, silence them, and have them sent again."""

import json
import time
from datetime import UTC, datetime, timedelta

import pytest
import yaml

from metier.cli.program import run
from metier.monitoring.alerts import AlertSettings, StoredAlerts
from metier.monitoring.findings import Finding
from metier.monitoring.store.watch_store import WatchStore


@pytest.fixture
def watched(tmp_path):
    """A store with two alarms, one of them over, and a receiver whose file cannot be written."""
    (tmp_path / "messages.jsonl").write_text("")
    (tmp_path / "taken").mkdir()
    alerts = {
        "receivers": [{"kind": "file", "path": str(tmp_path / "taken")}],
        "tries": 1,
        "group_wait_seconds": 0,
    }
    settings = {
        "store": str(tmp_path / "watch.sqlite"),
        "sources": [{"kind": "file", "path": str(tmp_path / "messages.jsonl")}],
        "alerts": alerts,
    }
    (tmp_path / "watch.yaml").write_text(yaml.safe_dump(settings))
    now = datetime.now(UTC)
    sentence = (
        "company Acme: 31 messages since 2026-03-01, where 10.0 were expected: 3.1 times as many [2.2, 4.4]."
    )
    found = [
        Finding("surge", {"company": name}, sentence.replace("Acme", name), now - timedelta(days=1), now)
        for name in ("Acme", "Globex")
    ]
    over = Finding("surge", {"company": "Globex"}, "over", now, now, is_over=True)
    store = WatchStore(tmp_path / "watch.sqlite")
    sender = StoredAlerts(AlertSettings(**alerts))
    sender.tell(store, [*found, over], time.time())
    sender.deliver(store, time.time())
    store.close()
    return tmp_path


@pytest.fixture
def ask(watched, capsys):
    """Call the command; give its exit code and all it says."""

    def asked(*words):
        code = run(["watch", "alarms", str(watched / "watch.yaml"), *words])
        said = capsys.readouterr()
        return code, said.out + said.err

    return asked


@pytest.fixture
def facts(ask):
    def asked(*words):
        code, said = ask("--json", *words)
        assert code == 0, said
        return json.loads(said)

    return asked


def test_alarms_are_listed_with_what_could_not_be_delivered(facts, ask):
    found = facts()
    assert [(one["number"], one["series"], one["undelivered"]) for one in found["alarms"]] == [
        (1, {"company": "Acme"}, ["file"])
    ]
    assert found["deliveries"]["dead"] == 1
    assert "cannot be written" in found["failed"][0]["error"]
    assert len(facts("--all")["alarms"]) == 2
    _, said = ask()
    assert "1 alarm\n" in said
    assert "! file: set aside after 1 tries" in said
    assert "--resend" in said


def test_alarms_that_are_over_are_counted_where_none_goes_on(watched, ask):
    assert "metier watch brief" in ask()[1]
    now = datetime.now(UTC)
    store = WatchStore(watched / "watch.sqlite")
    sender = StoredAlerts(AlertSettings(receivers=[{"kind": "file", "path": str(watched / "taken")}]))
    sender.tell(store, [Finding("surge", {"company": "Acme"}, "over", now, now, is_over=True)], time.time())
    store.close()
    said = ask()[1]
    assert "no alarm goes on; over: 2" in said
    assert "--all" in said
    assert "没有持续中的告警；2 个已结束" in ask("--lang", "zh")[1]


def test_somebody_takes_an_alarm_on_and_only_once(facts, ask):
    (one,) = facts("--acknowledge", "1", "--by", "Ana", "--comment", "carrier strike")["alarms"]
    assert (one["acknowledged_by"], one["comment"]) == ("Ana", "carrier strike")
    again = ask("--acknowledge", "1", "--by", "Bo")
    assert (again[0], "acknowledged by 'Ana' already" in again[1]) == (2, True)
    none = ask("--acknowledge", "77", "--lang", "zh")
    assert (none[0], "没有编号为 77 的告警" in none[1]) == (2, True)


def test_a_silence_is_listed_with_its_end(facts, ask):
    found = facts("--silence", "company=Acme", "--for", "2d", "--why", "campaign", "--by", "Ana")
    (silence,) = found["silences"]
    assert (silence["matches"], silence["who"], silence["why"]) == ({"company": "Acme"}, "Ana", "campaign")
    assert silence["ends"] - silence["starts"] == 2 * 86_400
    assert found["alarms"][0]["silenced_until"] is not None
    assert "静默至" in ask("--lang", "zh")[1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--silence", "company=Acme"], "belong together"),
        (["--silence", "company", "--for", "2d"], "expected name=value"),
        (["--silence", "company=Acme", "--for", "soon"], "no length of time"),
        (["--silence", "company=Acme", "--for", "60w"], "a year at most"),
    ],
)
def test_what_cannot_be_silenced_is_said_and_nothing_is_written(facts, ask, words, said):
    code, found = ask(*words)
    assert code == 2
    assert said in found
    assert facts()["silences"] == []


def test_what_was_dead_is_sent_again_once_its_receiver_is_well(watched, facts):
    assert facts("--resend")["sent_again"] == {"tried": 1, "failed": 1}
    (watched / "taken").rmdir()
    assert facts("--resend")["sent_again"] == {"tried": 1, "failed": 0}
    lines = [json.loads(line) for line in (watched / "taken").read_text().splitlines()]
    assert [(one["series"]["company"], one["status"]) for one in lines] == [
        ("Acme", "firing"),
        ("Globex", "resolved"),
    ]


def test_a_password_in_settings_that_are_wrong_is_not_printed(watched, ask):
    mail = {"kind": "email", "host": "mail.example.com", "tls": "none", "user": "u", "password": "very-secret",
            "sender": "a@example.com", "to": ["b@example.com"]}  # fmt: skip
    path = watched / "watch.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), "alerts": {"receivers": [mail]}}))
    code, said = ask()
    assert code == 2
    assert "sent readable" in said
    assert "very-secret" not in said


@pytest.mark.parametrize("number", ["0", "-1", "99", "1" + "0" * 30])
def test_a_number_of_no_alarm_is_said(ask, number):
    code, said = ask("--acknowledge", number)
    assert code == 2
    assert f"There is no alarm {number}" in said


def test_a_word_that_is_no_text_is_stored_all_the_same(ask):
    assert ask("--acknowledge", "1", "--comment", "strike \udcff", "--by", "Ana\udcff")[0] == 0
    assert ask("--silence", "company=\udcff", "--for", "2d", "--why", "\udcff", "--by", "Ana")[0] == 0
