"""`metier gate` and `metier init-policy` on small runs: verdicts, exit codes, what is sealed, and wrong policies."""

import csv
import json
import shutil
from xml.etree import ElementTree

import pytest

from metier.bundles import load_bundle, read_manifest, resolve_bundle
from metier.bundles.sealing import verify
from metier.cli import program
from metier.selection.evaluating import evaluate
from metier.serving.golden import check_golden


@pytest.fixture(params=["en", "zh"])
def language(request):
    return request.param


@pytest.fixture
def place(small_runs, language, tmp_path):
    """A run that the gate may write into, with its test rows."""
    shutil.copytree(small_runs / "runs" / language, tmp_path / "run", symlinks=True)
    shutil.copy(small_runs / f"{language}-test.csv", tmp_path / "test.csv")
    return tmp_path


@pytest.fixture
def gate(capsys, place):
    def call(policy, *args, code):
        (place / "policy.yaml").write_text(policy, encoding="utf-8")
        assert (
            program.run(["gate", str(place / "run"), "--policy", str(place / "policy.yaml"), *map(str, args)])
            == code
        )
        return capsys.readouterr()

    return call


def policy_of(*conditions, more=""):
    lines = "".join(f"  - {one}\n" for one in conditions)
    return f"rows: test.csv\nconditions:\n{lines}{more}"


def test_a_drafted_policy_lets_the_run_through_that_it_was_drafted_from(place, capsys):
    command = ["init-policy", str(place / "run"), "--output", str(place / "policy.yaml"), "--rows", "test.csv"]
    assert program.run(command) == 0
    capsys.readouterr()
    code = program.run(["gate", str(place / "run"), "--policy", str(place / "policy.yaml"), "--json"])
    facts = json.loads(capsys.readouterr().out)
    blockers = [one["verdict"] for one in facts["conditions"] if one["severity"] == "blocker"]
    assert blockers
    assert (code, facts["verdict"]) == (0, "pass"), facts["conditions"]


def test_each_verdict_is_that_of_the_interval(gate, place):
    found = json.loads(gate(policy_of("accuracy >= 0.1", "accuracy >= 0.99"), "--json", code=1).out)
    passes, other = found["conditions"]
    assert passes["verdict"] == "pass"
    assert passes["low"] >= 0.1
    assert other["verdict"] == ("fail" if other["high"] < 0.99 else "cannot tell")
    assert passes["value"] == evaluate(place / "run", place / "test.csv").metrics["accuracy"]["value"]
    assert found["level_of_each"] == pytest.approx(0.975)


def test_what_rows_cannot_tell_blocks_unless_the_policy_says_otherwise(gate, place):
    value = evaluate(place / "run", place / "test.csv").metrics["accuracy"]["value"]
    near = policy_of(f"accuracy >= {value - 0.005:.4f}")
    found = json.loads(gate(near, "--json", code=1).out)
    assert found["verdict"] == "cannot tell"
    assert found["conditions"][0]["more_rows"] > 100
    assert json.loads(gate(near + "cannot_tell: passes\n", "--json", code=0).out)["may_go_live"]


def test_a_waiver_holds_until_its_day(gate):
    waiver = (
        "waivers:\n  - condition: accuracy >= 0.999\n    who: Ada\n    why: labels are renewed\n    until: {}\n"
    )
    shown = gate(policy_of("accuracy >= 0.999", more=waiver.format("2999-01-01")), code=0)
    assert "labels are renewed (Ada, until 2999-01-01)" in shown.out
    shown = gate(policy_of("accuracy >= 0.999", more=waiver.format("2020-01-01")), code=1)
    assert "ended on 2020-01-01 (Ada)" in shown.out


def test_a_warning_does_not_block(gate):
    severe = "conditions:\n  - condition: accuracy >= 0.999\n    severity: {}\nrows: test.csv\n"
    gate(severe.format("warning"), code=0)
    gate(severe.format("blocker"), code=1)


def test_golden_rows_must_all_be_right(gate, place):
    with (place / "test.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    answers = load_bundle(place / "run").predict([row["message"] for row in rows]).predicted
    right = [row for row, answer in zip(rows, answers, strict=True) if row["intent"] == answer][:5]
    other = next(row["intent"] for row in rows if row["intent"] != right[0]["intent"])
    for golden, code in ((right, 0), ([*right, {**right[0], "intent": other}], 1)):
        with (place / "golden.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(golden)
        shown = gate("golden: golden.csv\n", code=code)
        assert f"golden rows: 5 of {len(golden)} answered right" in shown.out
    bundle = load_bundle(place / "run")
    asked = bundle.manifest.gate["golden"]["asked"]
    assert [one["answer"] for one in asked] == bundle.predict([one["question"] for one in asked]).predicted
    assert len(asked) == 5
    assert check_golden(bundle) == 5
    assert f"expected {other}" in shown.out


def test_the_live_bundle_is_compared_in_pairs(gate, place):
    shown = gate(
        policy_of("accuracy >= live - 0.05", "latency_ms.p95 <= 2 * live"),
        "--live",
        place / "run",
        "--json",
        code=0,
    )
    first, second = json.loads(shown.out)["conditions"]
    assert first["value"] == 0  # It is the same bundle.
    assert second["value"] < 0


def test_a_part_is_held_against_the_whole(gate, place):
    with (place / "test.csv").open(encoding="utf-8", newline="") as file:
        label = next(csv.DictReader(file))["intent"]
    shown = gate(policy_of(f"slice.label={label}.accuracy >= 0.2 * overall"), "--json", "--no-seal", code=0)
    [found] = json.loads(shown.out)["conditions"]
    whole = evaluate(place / "run", place / "test.csv")
    part = next(one for one in whole.facts["detail"]["per_label"] if one["label"] == label)
    assert found["value"] == pytest.approx(part["recall"] - 0.2 * whole.metrics["accuracy"]["value"], abs=1e-3)


def test_the_result_is_sealed_into_the_bundle(gate, place):
    folder = resolve_bundle(place / "run")
    before = read_manifest(folder)
    gate(policy_of("accuracy >= 0.1"), "--no-seal", code=0)
    assert read_manifest(folder).gate is None
    gate(policy_of("accuracy >= 0.1"), code=0)
    after = verify(folder)
    assert after.gate["verdict"] == "pass"
    assert after.gate["policy"]["sha256"]
    assert after.files == before.files
    assert load_bundle(folder).name == before.name


def test_files_for_build_servers(gate, place):
    gate(
        policy_of("accuracy >= 0.1", "accuracy >= 0.999"),
        *("--junit", place / "gate.xml", "--output", place / "gate.json"),
        code=1,
    )
    suite = ElementTree.parse(place / "gate.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    assert json.loads((place / "gate.json").read_text("utf-8"))["format"] == "metier.gate.v1"


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        ("conditions: []\n", "asks for nothing"),
        ("conditions:\n  - acuracy >= 0.9\nrows: test.csv\n", "Did you mean 'accuracy'"),
        ("conditions:\n  - accuracy > 0.9\nrows: test.csv\n", "write >= or <="),
        ("conditions:\n  - accuracy >= 92\nrows: test.csv\n", "92 % is 0.92"),
        ("conditions:\n  - accuracy >= 1\nrows: test.csv\n", "golden rows"),
        ("conditions:\n  - accuracy >= live\nrows: test.csv\n", "Name it with --live"),
        ("conditions:\n  - accuracy >= 0.9 * overall\nrows: test.csv\n", "of all rows already"),
        ("conditions:\n  - accuracy >= 0.9\n", "no labelled rows"),
        ("conditions:\n  - slice.language=fr.accuracy >= 0.9\nrows: test.csv\n", "there is no figure"),
        ("conditons:\n  - accuracy >= 0.9\n", "Did you mean 'conditions'"),
        ("conditions:\n  - {condition: accuracy >= 0.9, severity: high}\n", "no severity called 'high'"),
        ("conditions: accuracy >= 0.9\n", "Expected a list"),
        ("- accuracy >= 0.9\n", "is a list"),
        ("conditions:\n  - accuracy >= 0.9\n  - accuracy >= 0.9\n", "asks twice"),
        ("conditions:\n  - accuracy >= 0.9\nwaivers:\n  - condition: x\n", "does not say: who, why, until"),
        ("level: 95\nconditions:\n  - accuracy >= 0.9\n", "below 1, such as 0.95"),
        ("conditions: [\n", "is not YAML"),
        ("conditions:\n  - accuracy >= .9x\n", "on its right"),
        ("rows: nowhere.csv\nconditions:\n  - accuracy >= 0.9\n", "nowhere.csv"),
    ],
)
@pytest.mark.parametrize("language", ["en"], indirect=True)
def test_a_wrong_policy_is_refused_before_any_work(gate, policy, says):
    shown = gate(policy, code=2 if "nowhere" not in policy else 1)
    assert says in shown.err
    assert "answering" not in shown.err
