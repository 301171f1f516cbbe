import pytest
import yaml

from metier.catalogue import resolve
from metier.errors import CallError, SettingsError
from metier.selection.settings import TrainSettings, check_settings, load_settings, write_settings


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
    with pytest.raises(CallError, match="cannot be read"):
        load_settings(tmp_path / "none.yaml")
    (tmp_path / "broken.yaml").write_text("a: [1, 2\nb: }")
    with pytest.raises(CallError, match="not YAML"):
        load_settings(tmp_path / "broken.yaml")


def test_written_settings_hold_every_default_and_load_again(tmp_path):
    settings = TrainSettings(random_state=5)
    method = resolve("tfidf_linear.v1")(random_state=5)
    path = tmp_path / "settings.yaml"
    write_settings(settings, {"tfidf_linear.v1": method}, path)
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
