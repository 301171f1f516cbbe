"""A small writer learns which of two answers people prefer, and the bundle that comes out of it."""

import numpy as np
import pytest

from metier.bundles import load_bundle
from metier.continual.update.preferences import PreferenceOptions, prefer
from metier.errors import CallError, DataError, LeakageError, SettingsError

PROMPTS = [
    f"Where is my {thing} number {number}?" for thing in ("card", "parcel", "refund") for number in range(20)
]
QUICK = {"epochs": 6, "learning_rate": 5e-3, "upper_layers": 1, "token_budget": 256, "precision": "fp32"}


def pairs():
    """A polite answer is always preferred to a short one."""
    return [
        {"text": prompt, "chosen": "It is coming, thank you.", "rejected": "No idea."} for prompt in PROMPTS
    ]


def thumbs():
    return [
        {"text": row["text"], "answer": row[name], "thumb": thumb}
        for row in pairs()
        for name, thumb in (("chosen", "up"), ("rejected", "down"))
    ]


def learned(bundle, tmp_path, rows, **options):
    settings = {**QUICK, **options.pop("settings", {})}
    given = PreferenceOptions(settings=settings, answered=6, **options)
    return prefer(load_bundle(bundle), rows, output=tmp_path / "preferred", options=given)


@pytest.fixture(scope="module")
def by_dpo(writing_bundle, tmp_path_factory):
    return learned(writing_bundle, tmp_path_factory.mktemp("dpo"), pairs())


def test_pairs_are_learned_and_the_gain_is_judged_on_other_prompts(by_dpo):
    facts = by_dpo.facts
    accuracy = facts["preferred"]["accuracy"]
    assert facts["rows"]["held_out"] == 2 * facts["preferred"]["n"] == 40
    assert facts["rows"]["prompts"] == 40
    assert accuracy["after"]["value"] == 1.0
    assert facts["preferred"]["margin"]["gain"]["low"] > 0
    assert {"before", "after", "gain"} <= set(facts["length"]) & set(facts["quality"])


def test_the_bundle_is_sealed_answers_and_can_be_tuned_again(by_dpo, tmp_path):
    bundle = load_bundle(by_dpo.folder)
    assert bundle.manifest.update["method"] == "dpo"
    assert bundle.manifest.data.trained_on == "train + preferences"
    assert bundle.predict(["Where is my card?"]).predicted
    again = learned(by_dpo.folder, tmp_path, pairs(), settings={"epochs": 1})
    before = again.facts["preferred"]["accuracy"]["before"]["value"]
    assert before == by_dpo.facts["preferred"]["accuracy"]["after"]["value"]


def test_a_gain_that_is_not_shown_is_not_let_through(writing_bundle, tmp_path):
    random = np.random.default_rng(0)
    rows = [
        row if random.random() < 0.5 else {**row, "chosen": row["rejected"], "rejected": row["chosen"]}
        for row in pairs()
    ]
    facts = learned(writing_bundle, tmp_path, rows, settings={"epochs": 1}).facts
    assert not facts["verdict"]["may_go_live"]
    assert "the preference accuracy is not shown to have risen" in facts["verdict"]["why"]


def test_thumbs_are_learned_by_weights(writing_bundle, tmp_path):
    facts = learned(writing_bundle, tmp_path, thumbs(), by="reward_weighted").facts
    assert facts["preferred"]["margin"]["gain"]["low"] > 0


def test_answers_are_reinforced_by_a_reward_and_the_cost_is_stated(writing_bundle, tmp_path):
    rows = [{"text": prompt, "target": "It is coming."} for prompt in PROMPTS]
    settings = {"epochs": 2, "samples": 4, "learning_rate": 1e-2}
    facts = learned(
        writing_bundle, tmp_path, rows, by="reinforce", reward="length:9-12", settings=settings
    ).facts
    sampled = facts["cost"]["sampled"]
    assert sampled["answers"] == 4 * 8 + 2 * 4 * 40
    assert sampled["tokens"] > sampled["answers"]
    assert len(sampled["rewards"]) == facts["cost"]["steps"]
    assert {"before", "after", "gain"} <= set(facts["reward"])


def test_a_base_as_it_came_is_tuned_in_place_of_the_bundles_weights(writing_bundle, tmp_path, tiny_writers):
    base = tiny_writers.make_llama(tmp_path / "base", PROMPTS)
    facts = learned(writing_bundle, tmp_path, pairs(), base=str(base), settings={"epochs": 1}).facts
    assert facts["base"] == str(base)


def test_a_reward_that_is_constant_is_refused_before_anything_is_learned(writing_bundle, tmp_path):
    rows = [{"text": prompt, "target": "zzz"} for prompt in PROMPTS]
    with pytest.raises(DataError, match="The reward is 0 for each of 32 answers"):
        learned(writing_bundle, tmp_path, rows, by="reinforce", reward="exact_match")
    assert not (tmp_path / "preferred").exists()


def test_what_cannot_be_learned_is_said(writing_bundle, tmp_path):
    with pytest.raises(DataError, match="There are 10 preferences"):
        learned(writing_bundle, tmp_path, pairs()[:10])
    with pytest.raises(DataError, match="answers to at least 40 are needed"):
        learned(writing_bundle, tmp_path, [{**row, "text": f"Same {n % 3}?"} for n, row in enumerate(pairs())])
    with pytest.raises(SettingsError, match="beta is -1"):
        learned(writing_bundle, tmp_path, pairs(), settings={"beta": -1})
    with pytest.raises(SettingsError, match="Use baseline 'moving'"):
        learned(writing_bundle, tmp_path, pairs(), by="reinforce", settings={"samples": 1})
    with pytest.raises(CallError, match="--reward is 'charm'"):
        learned(writing_bundle, tmp_path, pairs(), by="reinforce", reward="charm")
    with pytest.raises(DataError, match="all 60 thumbs are up"):
        learned(
            writing_bundle, tmp_path, [row for row in thumbs() if row["thumb"] == "up"], by="reward_weighted"
        )


def test_long_prompts_are_refused_and_answers_that_do_not_fit(writing_bundle, tmp_path):
    long = [{**row, "text": row["text"] + " please" * 600} for row in pairs()]
    with pytest.raises(DataError, match="40 of 40 prompts are longer"):
        learned(writing_bundle, tmp_path, long)
    long = [{**row, "chosen": "thank you " * 600} for row in pairs()]
    with pytest.raises(DataError, match="Shorten it, or leave the row out"):
        learned(writing_bundle, tmp_path, long)


def test_prompts_of_the_test_rows_are_refused_unless_left_out(writing_bundle, tmp_path):
    test = [
        {"text": prompt, "target": f"It comes in {len(prompt)} days, {n}."}
        for n, prompt in enumerate(PROMPTS[:4])
    ]
    options = PreferenceOptions(settings=QUICK | {"epochs": 1}, answered=4)
    with pytest.raises(LeakageError, match="4 rows of the preferences"):
        prefer(load_bundle(writing_bundle), pairs(), test=test, output=tmp_path / "one", options=options)
    options = PreferenceOptions(settings=QUICK | {"epochs": 1}, answered=4, drops_leaks=True)
    facts = prefer(
        load_bundle(writing_bundle), pairs(), test=test, output=tmp_path / "two", options=options
    ).facts
    assert facts["quality"]["of"] == "test rows"
    assert facts["quality"]["rows"] == 4
