import pytest
import yaml

from metier.catalogue import resolve
from metier.errors import CallError, SettingsError
from metier.runs.run_folder import SETTINGS_FILE, RunFolder
from metier.selection import api
from metier.selection.settings import TrainSettings, check_settings, load_settings, settings_text


def test_every_fault_is_listed_at_once(tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_text(
        "budget_minuts: 5\nrandom_state: -1\ndata: {txt: message}\n"
        "methods: {tfidf_linear: {no_such: 1}, enkoder: {epochs: 2}}\n"
    )
    with pytest.raises(SettingsError) as caught:
        load_settings(path)
    message = str(caught.value)
    for part in ("budget_minuts", "'budget_minutes'", "random_state", "data.txt", "'text'",
                 "methods.tfidf_linear.no_such", "methods.enkoder", "'encoder'", "5 faults"):  # fmt: skip
        assert part in message


def test_flags_overrule_the_file_and_overrides_overrule_both(tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_text("budget_minutes: 5\ndata: {text: a, label: b}\nrandom_state: 1\n")
    settings = load_settings(path, ["random_state=3"], flags={"data": {"text": "c"}, "random_state": 2})
    assert (settings.budget_minutes, settings.data.text, settings.data.label) == (5, "c", "b")
    assert settings.random_state == 3


def test_a_versioned_method_name_works_in_an_override():
    settings = load_settings(overrides=["methods.tfidf_linear.v1.random_state=7"])
    assert settings.methods == {"tfidf_linear.v1": {"random_state": 7}}


@pytest.mark.parametrize("override", ["random_state", "budget_minutes.a=1"])
def test_an_override_that_is_none_says_how_to_write_one(override):
    with pytest.raises((CallError, SettingsError), match=r"set|budget_minutes"):
        load_settings(overrides=[override])


def test_a_missing_file_and_one_that_is_not_yaml(tmp_path):
    with pytest.raises(CallError, match="no settings file"):
        load_settings(tmp_path / "none.yaml")
    (tmp_path / "broken.yaml").write_text("a: [1, 2\nb: }")
    with pytest.raises(CallError, match="cannot be read"):
        load_settings(tmp_path / "broken.yaml")


def test_written_settings_hold_every_default_and_load_again(tmp_path):
    settings = TrainSettings(random_state=5)
    method = resolve("tfidf_linear.v1")(random_state=5)
    path = tmp_path / "settings.yaml"
    path.write_text(settings_text(settings, {"tfidf_linear.v1": method}), encoding="utf-8")
    values = yaml.safe_load(path.read_text())
    assert values["methods"]["tfidf_linear"] == method.get_params(deep=False)
    assert set(values) == set(TrainSettings.model_fields)
    again = load_settings(path)
    assert again.random_state == 5
    assert again.methods["tfidf_linear"]["random_state"] == 5


def test_refuses_an_adaptation_nobody_knows():
    with pytest.raises(SettingsError, match="Did you mean 'lora'"):
        check_settings({"adaptation": "lorra"})
    assert check_settings({"adaptation": "top:2"}).adaptation == "top:2"


def test_two_names_of_one_method_are_a_fault():
    """The second would be ignored."""
    both = {"encoder": {"epochs": 2}, "encoder.v1": {"epochs": 3}}
    with pytest.raises(
        SettingsError, match=r"methods\.encoder\.v1: methods\.encoder sets the same method; keep one"
    ):
        check_settings({"methods": both})


def test_settings_of_what_takes_none_hide_no_other_fault():
    with pytest.raises(SettingsError) as caught:
        check_settings({"methods": {"distilled": {"epochs": 2}, "tfidf_linear": {"no_such": 1}}})
    assert "methods.distilled: distilled.v1 is made of a run's candidates" in str(caught.value)
    assert "methods.tfidf_linear.no_such: unknown" in str(caught.value)


def test_texts_of_any_language_are_written_as_they_are_read(tmp_path):
    """Settings are UTF-8 by name, whatever the machine's own encoding is."""
    settings = check_settings({"data": {"label": "主题"}, "order": ["低", "高"]})
    run = RunFolder.create(tmp_path / "run", name="rows")
    run.write_text(SETTINGS_FILE, settings_text(settings, {}))
    assert "主题" in (tmp_path / "run" / "settings.yaml").read_text("utf-8")
    assert load_settings(run.settings_path).order == ("低", "高")
    assert not list((tmp_path / "run").glob("*.partial"))


def test_python_takes_an_order_as_the_command_line_does(monkeypatch):
    given = []
    monkeypatch.setattr(
        api, "begin", lambda sources, settings, *rest, **options: given.append(settings) or 1 / 0
    )
    with pytest.raises(ZeroDivisionError):
        api.train([{"text": "a", "label": "low"}], order=["low", "high"])
    assert given[0].order == ("low", "high")


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"\x00\xff", "not UTF-8 at byte 2"),
        (b"1: 2\n", "1: unknown"),
        (b"methods: {tfidf_linear: {1: 2}}\n", "methods.tfidf_linear.1: unknown"),
        (b"methods: {soup: 3}\n", "1 fault;"),
        (b"budget_minutes: .inf\n", "finite"),
        (b"a: " + b"[" * 5_000, "nested too deeply"),
        (b"random_state: 99999999999\n", "2147483647"),
    ],
)
def test_a_file_that_holds_no_settings_is_refused_with_what_is_wrong_in_it(tmp_path, content, fault):
    path = tmp_path / "settings.yaml"
    path.write_bytes(content)
    with pytest.raises(CallError, match=fault):
        load_settings(path)


def test_an_override_whose_value_is_not_yaml():
    with pytest.raises(CallError, match="brackets"):
        load_settings(overrides=["methods.encoder.epochs=[1"])


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("seed=3", "seed: unknown. Did you mean 'random_state'?"),
        ("budget=3", "budget: unknown. Did you mean 'budget_minutes'?"),
        ("group=author", "group: unknown. Did you mean 'data.group'?"),
        ("validation_frac=0.2", "Did you mean 'data.validation_fraction'?"),
        ("data.lable=intent", "data.lable: unknown. Did you mean 'label'?"),
        ("methods.encoder.lr=0.1", "methods.encoder.lr: unknown. Did you mean 'learning_rate'?"),
    ],
)
def test_a_setting_by_another_name_gets_the_one_that_is_meant(override, says):
    with pytest.raises(SettingsError) as found:
        load_settings(overrides=[override])
    assert says in str(found.value)
    assert str(found.value).startswith("The settings: 1 fault; nothing was started:")
