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


@pytest.mark.parametrize(
    "text",
    [
        SOURCES + "store: [postgresql://me:hunter2@host/name]\n",
        SOURCES + "storee: postgresql://me:hunter2@host/name\n",
        SOURCES + "bundles: http://me:hunter2@host\n",
        "sources: [{kind: sql, url: 'postgresql://me:hunter2@host:port/name', table: posts}]\n",
        "sources: [{kind: feed, url: 'ftp://me:hunter2@host/rss'}]\n",
        "sources: [{kind: redis, url: ['redis://me:hunter2@host'], stream: posts}]\n",
        "sources: [{kind: kafka, password: hunter2}]\n",
        "sources: [{password: hunter2}]\n",
        "sources: {password: hunter2}\n",
    ],
)
def test_no_password_is_said(tmp_path, text):
    with pytest.raises(SettingsError) as told:
        read_watch_settings(written(tmp_path, text))
    assert "hunter2" not in str(told.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('store: ""', "store: it is empty; expected a file"),
        ('store: "a\\0b"', "store: a path has no NUL character"),
        ("store: ~nobody-of-this-name/watch.sqlite", "store: there is no such user"),
        ("companies: ~nobody-of-this-name/companies.csv", "companies: there is no such user"),
        ("most_ahead_minutes: 1.0e+300", "most_ahead_minutes: Input should be less than or equal to"),
        ("keep_days: 1000000000000", "keep_days: Input should be less than or equal to"),
        ("answer_again_days: 1000000000000", "answer_again_days: Input should be less than or equal to"),
    ],
)
def test_what_no_store_or_time_can_be_is_said(tmp_path, text, said):
    with pytest.raises(SettingsError, match=said):
        read_watch_settings(written(tmp_path, SOURCES + text + "\n"))


@pytest.mark.parametrize("rate", ["0.0000001/week", "10000000/week"])
def test_very_small_and_large_rates_of_false_alarms(tmp_path, rate):
    settings = read_watch_settings(written(tmp_path, SOURCES + f"false_alarms: {rate}\n"))
    assert settings.allowed.number == float(rate.split("/")[0])


COUNTED = (
    "sources: [{kind: file, path: posts.jsonl, columns: {by: {company: firm}}, constants: {market: EU}}]\n"
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (COUNTED + "by: [[company, market], [market, company]]", "one combination stands twice"),
        (COUNTED + "by: [company, topics]", "by: 'topics' is neither a bundle nor in `by`"),
        (COUNTED + "bundles: {company: runs/topics}", "bundles.company: a source says this"),
        (SOURCES + "by: [topic]", "known are none"),
        (SOURCES + "store: 'sqlite://'", "kept in memory alone"),
        (SOURCES + "store: 'sqlite:///:memory:'", "kept in memory alone"),
        ("sources: []", "sources: expected 1 or more"),
        ("sources: [{kind: fiel}]", "sources.0: no kind has this name; known are file, folder"),
        ("sources: [{}]", "sources.0: its kind is missing"),
        ("sources: [5]", "sources.0: Input should be a valid dictionary"),
        (SOURCES + "bundles: {topic: }", "bundles.topic: expected the path of a file"),
    ],
)
def test_what_cannot_be_counted_or_read_is_said_once(tmp_path, text, said):
    with pytest.raises(SettingsError, match="1 fault;") as told:
        read_watch_settings(written(tmp_path, text + "\n"))
    assert said in str(told.value)


def test_names_of_columns_constants_and_bundles_are_counted_by(tmp_path):
    by = "by: [[company, market], market, topic]\nbundles: {topic: runs/topics}\n"
    assert read_watch_settings(written(tmp_path, COUNTED + by)).by == (
        ("company", "market"),
        ("market",),
        ("topic",),
    )
