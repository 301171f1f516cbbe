"""An alias moves only where the gate lets it, and moves back by itself where accuracy is found to fall after it."""

import json
from datetime import UTC, datetime, timedelta

import pytest

import metier
from metier.assurance.forgetting.judging import ForgettingSettings
from metier.assurance.policy import forgetting_policy
from metier.cli import program
from metier.continual.promotion import Target, promote
from metier.errors import CallError
from metier.monitoring.alerts.notices import Notice, Told
from metier.monitoring.alerts.receiver import NotDelivered
from metier.monitoring.alerts.settings import AlertSettings
from metier.monitoring.alerts.telling import build_receiver
from metier.registry.registry import Registry
from tests.conftest import few_rows, write_records

LABELS = ("card_arrival", "exchange_rate", "age_limit")
LENIENT = forgetting_policy(ForgettingSettings(all=0.1, cannot_tell="passes", edits=False))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run on few rows (old), on more of them (new), and on rows with two labels changed for one another (bad)."""
    folder = tmp_path_factory.mktemp("promotion")
    rows = few_rows("banking77", "train", LABELS, 100)
    write_records(folder / "test.csv", rows[1::2])
    other = {LABELS[0]: LABELS[1], LABELS[1]: LABELS[0]}
    learned = rows[::2]
    swapped = [one | {"intent": other.get(one["intent"], one["intent"])} for one in learned]
    made = {"old": learned[::3], "new": learned, "bad": swapped}
    for name, some in made.items():
        write_records(folder / f"{name}.csv", some)
        metier.train(
            folder / f"{name}.csv",
            candidates=["tfidf_linear"],
            text="message",
            label="intent",
            run=folder / name,
            budget=1,
        )
    return folder


@pytest.fixture
def registry(folder, tmp_path):
    """A registry whose champion is the old bundle."""
    made = Registry(tmp_path / "registry")
    made.add(folder / "old", "support")
    made.promote("support", 1, force=True, why="first")
    return made


TARGET = Target("support")


def test_what_has_forgotten_nothing_takes_over(folder, registry):
    found = promote(folder / "new", registry, TARGET, policy=LENIENT, rows=folder / "test.csv", why="new rows")
    assert found.is_promoted
    assert registry.version("support").number == 2
    assert registry.version("support").gate == found.gated.result.outcome
    last = registry.history("support")[-1]
    assert (last.action, last.before, last.is_forced, last.why) == ("promote", 1, False, "new rows")


def test_what_has_forgotten_a_label_does_not(folder, registry):
    found = promote(folder / "bad", registry, TARGET, policy=LENIENT, rows=folder / "test.csv")
    assert not found.is_promoted
    assert [one.number for one in registry.versions("support")] == [1]
    assert found.as_dict() == {
        "name": "support",
        "alias": "champion",
        "is_promoted": False,
        "before": 1,
        "version": 1,
    }


def test_an_alias_that_points_to_nothing_needs_what_answers_today(folder, tmp_path):
    empty = Registry(tmp_path / "registry")
    with pytest.raises(CallError, match="'champion' of 'support' points to nothing"):
        promote(folder / "new", empty, TARGET, policy=LENIENT, rows=folder / "test.csv")
    found = promote(
        folder / "new", empty, TARGET, policy=LENIENT, rows=folder / "test.csv", against=folder / "old"
    )
    assert (found.before, found.after.number) == (None, 1)


def test_the_command_promotes_and_says_how_to_go_back(folder, registry, tmp_path, capsys):
    policy = tmp_path / "policy.yaml"
    policy.write_text("forgetting:\n  all: 0.1\n  cannot_tell: passes\n  edits: false\n")
    command = ["--rows", str(folder / "test.csv"), "--policy", str(policy), "--promote", "support@champion"]
    command += ["--registry", str(registry.folder)]
    assert program.run(["gate", str(folder / "bad"), *command]) == 1
    assert "support@champion still points to version 1" in capsys.readouterr().out
    assert program.run(["gate", str(folder / "new"), *command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["promotion"] == {
        "name": "support",
        "alias": "champion",
        "is_promoted": True,
        "before": 1,
        "version": 2,
    }


@pytest.mark.parametrize("text", ["", "@champion", "support@"])
def test_a_target_names_a_model(text):
    with pytest.raises(CallError, match="names no model of a registry"):
        Target.parse(text)


def alarm(**changed):
    now = datetime.now(UTC)
    given = {
        "number": 1,
        "fingerprint": "f" * 16,
        "kind": "accuracy",
        "series": {},
        "sentence": "accuracy fell to 71 %",
    }
    given |= {"severity": "critical", "since": now, "raised": now + timedelta(minutes=1), "ended": None}
    return Told(**(given | changed))


def receiver(registry):
    given = {"kind": "roll_back", "registry": registry.folder, "model": "support"}
    return build_receiver(AlertSettings(receivers=[given]).receivers[0])


def test_a_fall_of_accuracy_takes_the_new_version_back_once(folder, registry):
    promote(folder / "new", registry, TARGET, policy=LENIENT, rows=folder / "test.csv")
    back = receiver(registry)
    notice = Notice(delivery=1, group={}, alerts=(alarm(kind="surge"),))
    back.send(notice)
    assert registry.version("support").number == 2
    for _ in range(2):  # A notice may come twice.
        back.send(Notice(delivery=2, group={}, alerts=(alarm(),)))
    assert registry.version("support").number == 1
    last = registry.history("support")[-1]
    assert (last.action, last.who, last.why) == ("roll back", "metier watch", "accuracy fell to 71 %")
    assert [one.action for one in registry.history("support")].count("roll back") == 1


def test_a_fall_that_was_raised_before_the_promotion_takes_nothing_back(folder, registry):
    earlier = alarm(raised=datetime.now(UTC) - timedelta(hours=1))
    promote(folder / "new", registry, TARGET, policy=LENIENT, rows=folder / "test.csv")
    receiver(registry).send(Notice(delivery=1, group={}, alerts=(earlier,)))
    receiver(registry).send(Notice(delivery=2, group={}, alerts=(alarm(ended=datetime.now(UTC)),)))
    assert registry.version("support").number == 2


def test_a_model_that_is_not_there_is_said(registry):
    given = {"kind": "roll_back", "registry": registry.folder, "model": "support", "alias": "nobody"}
    quiet = build_receiver(AlertSettings(receivers=[given]).receivers[0])
    quiet.send(Notice(delivery=1, group={}, alerts=(alarm(),)))
    assert registry.version("support").number == 1
    gone = build_receiver(
        AlertSettings(receivers=[given | {"registry": registry.folder / "elsewhere"}]).receivers[0]
    )
    with pytest.raises(NotDelivered):
        gone.send(Notice(delivery=1, group={}, alerts=(alarm(),)))
    assert not (registry.folder / "elsewhere").exists()
