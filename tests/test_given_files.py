"""Files that a user names by hand: whatever keeps one from being read is one clause, in English and in Chinese."""

import pytest

from metier.assurance.behaviour.written_tests import read_tests
from metier.assurance.dossier.stated import read_stated
from metier.assurance.memorisation.canaries import read_canaries
from metier.assurance.policy import read_policy
from metier.cli.confidence_rule import Confidence
from metier.data.weak_labels import read_rules
from metier.errors import CallError
from metier.given_files import FileFaultError, given_json, given_text, given_yaml, parse_yaml
from metier.report.sentences import in_chinese
from metier.selection.settings import load_settings
from metier.text.identity_terms import read_identity_terms

READERS = {
    "policy": read_policy,
    "tests": lambda path: read_tests(path, labels=["one"]),
    "statements": read_stated,
    "secrets": read_canaries,
    "rules": read_rules,
    "settings": load_settings,
    "terms": read_identity_terms,
    "thresholds": lambda path: Confidence().convert(str(path), None, None),
}
DAMAGED = {
    "bytes": b"\xff\xfe\x00a",
    "nul": b"a: b\0c",
    "deep": b"[" * 3_000,
    "deep entries": b'{"a":' * 20_000,
    "no such day": b"a: 2027-13-45",
    "thousands of digits": b"a: " + b"9" * 5_000,
    "twice": b"a: 1\na: 2\n",
    "code": b"!!python/object/apply:os.getcwd []",
    "cut": b'{"format": "metier.cana',
}


@pytest.mark.parametrize("reader", READERS)
def test_a_damaged_file_is_one_sentence_with_its_cure(tmp_path, reader):
    for name, content in DAMAGED.items():
        path = tmp_path / f"{name}.yaml"
        path.write_bytes(content)
        with pytest.raises(CallError) as found:
            READERS[reader](path)
        said = str(found.value)
        assert said.startswith((str(path), f"The rules {path}", f"The settings file {path}"))
        assert "\n" not in said
        assert "subscriptable" not in said


@pytest.mark.parametrize("reader", READERS)
def test_what_is_no_file_is_named_and_not_called_a_part_of_a_bundle(tmp_path, reader):
    for path in (tmp_path, tmp_path / "none.yaml"):
        with pytest.raises(CallError) as found:
            READERS[reader](path)
        assert str(path) in str(found.value)
        assert "bundle holds regular files" not in str(found.value)
        assert in_chinese(str(found.value)) != str(found.value)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a: 1\nb: {c: 1, c: 2}\n", "line 2, column 11: the entry 'c' stands twice"),
        ("until: 2027-13-45", "line 1, column 8: no such number or date exists"),
        ("[" * 1_500, "it is nested too deeply"),
        ("a: b\0", "unacceptable character #x0000: special characters are not allowed"),
    ],
)
def test_yaml_that_would_be_taken_otherwise_than_it_reads_is_refused(text, fault):
    with pytest.raises(FileFaultError) as found:
        parse_yaml(text)
    assert str(found.value) == fault


def test_what_can_be_read_is_given(tmp_path):
    path = tmp_path / "file"
    path.write_text('\ufeff{"<<": 1, "a": [2027-01-31]}', encoding="utf-8")
    assert given_text(path).startswith("{")
    assert given_yaml(path)["a"][0].year == 2027
    path.write_text("[1, 2]", encoding="utf-8")
    assert given_json(path) == [1, 2]
    with pytest.raises(FileFaultError, match="4 are read at most"):
        given_text(path, most_bytes=4)
