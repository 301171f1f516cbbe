import json
import time

from metier.audit import examine, personal_data
from metier.audit.personal_data import check_personal_data
from metier.data import read

OTHERS = [(f"a question about topic {n}", "xy"[n % 2]) for n in range(10)]


def found(rows):
    return list(check_personal_data(read(rows)))


def test_numbers_of_persons_are_a_warning_and_examples_do_not_show_them():
    finding = found(
        [*OTHERS, ("call 415-555-2671 or a.bell@example.com", "x"), ("我的身份证11010519491231002X", "y")]
    )[0]
    assert (finding.check, finding.severity, finding.rows) == ("personal-data", "warning", (10, 11))
    assert finding.facts["entities"] == {"PHONE_NUMBER": 1, "EMAIL_ADDRESS": 1, "CN_ID_CARD": 1}
    assert finding.sentence.startswith("2 rows with personal data in 12 rows: PHONE_NUMBER 1")
    shown = json.dumps(finding.as_dict(), ensure_ascii=False)
    assert "call <PHONE_NUMBER> or <EMAIL_ADDRESS>" in shown
    assert not any(value in shown for value in ("2671", "a.bell", "1949"))


def test_names_alone_are_a_note_and_clean_rows_have_no_finding():
    assert [one.severity for one in found([*OTHERS, ("我叫王小明", "x")])] == ["note"]
    assert found(OTHERS) == []
    rows = [{"question": "Is it Anna Bell, a@b.com?", "text": "a passage of some words", "answers": []}]
    assert [one.facts["rows"] for one in check_personal_data(read(rows * 3, question="question"))] == [3]


def test_it_is_one_of_the_checks(banking):
    assert "personal-data" not in {one.check for one in examine(banking.take(range(300))).findings}
    assert examine(read([*OTHERS, ("mail a@b.com", "x")])).find("personal-data")


def test_of_many_rows_a_sample_is_looked_at_and_it_says_so(monkeypatch):
    monkeypatch.setattr(personal_data, "MOST_ROWS", 40)
    finding = found([(f"row {n}: mail u{n}@example.com", "x") for n in range(100)])[0]
    assert finding.sentence.startswith("34 rows with personal data in 34 rows looked at of 100 rows")
    assert finding.rows[:3] == (0, 3, 6)
    assert finding.examples[1]["text"] == "row 3: mail <EMAIL_ADDRESS>"


def test_a_hundred_thousand_rows_take_seconds():
    rows = read(
        [(f"my card {n} did not work in the shop, what should I do about it now?", "x") for n in range(100_000)]
    )
    began = time.process_time()
    assert list(check_personal_data(rows)) == []
    assert time.process_time() - began < 20
