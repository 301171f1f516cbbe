import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from metier.cli.label import label
from metier.data import read
from metier.errors import CallError

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
RULES = """
rules:
  - {name: wrong pin, label: change_pin, any_of: [pin]}
  - {name: age, label: age_limit, any_of: ["re:\\\\bage\\\\b", old, child, children]}
  - {name: young, label: age_limit, any_of: [minimum age, years old, children]}
  - {name: rates, label: exchange_rate, any_of: [exchange rate, exchange rates, rate]}
"""
LABELS = {"change_pin", "age_limit", "exchange_rate"}


@pytest.fixture
def files(tmp_path):
    (tmp_path / "rules.yaml").write_text(RULES, encoding="utf-8")
    rows = read(EXAMPLES / "banking77" / "test.csv")
    picked = [(text, one) for text, one in zip(rows.texts, rows.labels, strict=True) if one in LABELS]
    lines = [json.dumps({"text": text, "intent": one}) for text, one in picked]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return tmp_path


def run(*args, code=0):
    result = CliRunner().invoke(label, [str(arg) for arg in args])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


def test_rows_are_labelled_and_rules_measured_against_the_truth(files):
    rows, out = files / "rows.jsonl", files / "out.csv"
    facts = json.loads(
        run(rows, "--rules", files / "rules.yaml", "--label", "intent", "--out", out, "--json").stdout
    )
    assert facts["rows"] == 120
    assert facts["labelled"] > 80
    assert facts["accuracy"] > 0.9
    assert set(facts["labels"]) == LABELS
    assert all(rule["accuracy"] > 0.8 for rule in facts["rules"])
    written = read(out, label="label").table.to_pydict()
    assert set(written) == {"text", "intent", "label", "probability"}
    assert sum(one is not None for one in written["label"]) == facts["labelled"]
    given = [float(share) for share in written["probability"] if share not in (None, "")]
    assert all(0.3 < share <= 1 for share in given)


def test_the_table_of_rules(files):
    shown = run(files / "rows.jsonl", "--rules", files / "rules.yaml", "--label", "intent").stdout
    assert "of 120 rows labelled" in shown
    assert "wrong pin" in shown
    assert "coverage %" in shown
    assert "next: add --out" in shown


def test_a_higher_threshold_labels_fewer_rows_and_a_file_is_not_replaced(files):
    rows, rules, out = files / "rows.jsonl", files / "rules.yaml", files / "out.csv"
    facts = [json.loads(run(rows, "--rules", rules, "--least", least, "--json").stdout) for least in (0, 0.9)]
    assert facts[1]["labelled"] < facts[0]["labelled"]
    out.write_text("kept")
    with pytest.raises(CallError, match="exists already"):
        run(rows, "--rules", rules, "--out", out)
    assert out.read_text() == "kept"
