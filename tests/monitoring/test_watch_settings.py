"""The settings of a watch: strict, with all faults together."""

import pytest

from metier.cli.watch_init import TEMPLATE
from metier.errors import CallError, SettingsError
from metier.monitoring.companies import Companies
from metier.monitoring.watch_settings import WatchSettings, read_watch_settings

SOURCES = "sources: [{kind: file, path: posts.jsonl}]\n"


def written(folder, text):
    path = folder / "watch.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_paths_are_taken_from_the_folder_of_the_file(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    path = written(tmp_path, SOURCES + "bundles: {topic: runs/topics}\ncompanies: companies.csv\n")
    settings = read_watch_settings("../watch.yaml")
    assert settings.bundles["topic"].resolve() == (tmp_path / "runs" / "topics").resolve()
    assert settings.sources[0].path.resolve() == (tmp_path / "posts.jsonl").resolve()
    assert read_watch_settings(path).store == str(tmp_path / "watch.sqlite")


def test_the_url_of_a_database_stays(tmp_path):
    path = written(tmp_path, SOURCES + "store: postgresql+psycopg://host/name\n")
    assert read_watch_settings(path).store == "postgresql+psycopg://host/name"


def test_all_faults_are_told_together(tmp_path):
    faulty = (
        "sources: []\nby: [[a, a], company]\nperoid: day\nfalse_alarms: often\ndetector: eyes\nkeep_days: 2\n"
    )
    with pytest.raises(SettingsError) as told:
        read_watch_settings(written(tmp_path, faulty))
    said = str(told.value)
    assert "6 faults; nothing was started" in said
    for part in (
        "sources: ",
        "by: each combination has 1 to 4 names, each once; found ['a', 'a']",
        "peroid: no such setting. Did you mean 'period'?",
        "false_alarms: The allowed false alarms are 'often'",
        "detector: no detector has this name; known are quasi_cusum",
        "keep_days: ",
    ):
        assert part in said


@pytest.mark.parametrize("text", ["- a list", "sources: [", "sources: [{kind: fiel}]"])
def test_what_is_no_settings_is_said(tmp_path, text):
    with pytest.raises((CallError, SettingsError)):
        read_watch_settings(written(tmp_path, text))


def test_a_missing_file_is_said_with_what_writes_one(tmp_path):
    with pytest.raises(CallError, match="Write one with: metier watch init"):
        read_watch_settings(tmp_path / "none.yaml")


@pytest.mark.parametrize("name", ["watch.yaml", "watch_zh.yaml"])
def test_the_settings_that_are_written_to_be_edited_are_right(name):
    settings = read_watch_settings(TEMPLATE.with_name(name))
    defaults = WatchSettings.model_fields
    for field in ("period", "false_alarms", "detector", "text", "audit_fraction", "model_change"):
        assert getattr(settings, field) == defaults[field].default


def test_companies_by_their_aliases(tmp_path):
    path = tmp_path / "companies.csv"
    path.write_text("alias,company\nBigBlue,IBM\nI.B.M,IBM\nacme inc,Acme\n", encoding="utf-8")
    assert Companies.read(path).named(["bigblue", "Acme, Inc.", "i.b.m", "nobody"]) == ("IBM", "Acme")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("alias\nx\n", "has the columns alias; expected alias and company"),
        ("alias,company\nx,\n", "empty cell in row 2"),
        ("alias,company\nx,A\nX,B\n", "leads from 'X' to 'A' and, in row 3, to 'B'"),
    ],
)
def test_a_faulty_file_of_companies_is_said(tmp_path, text, said):
    path = tmp_path / "companies.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CallError, match=said):
        Companies.read(path)
