"""A search spends its passes as it says, goes on where it stopped, and gives no less than the defaults."""

import json
from pathlib import Path

import numpy as np
import pytest

from metier.data import read
from metier.errors import SettingsError
from metier.predictors.loading import load_predictor
from metier.report.section import Page
from metier.report.trials import tables_of
from metier.selection.search.search_spaces import OneOf, Range, space_of
from metier.selection.search.searched import Searched, labels_of
from metier.transformer.tuned.encoder import Encoder
from metier.transformer.tuned.token_encoder import TokenEncoder

EXAMPLES = Path(__file__).parents[3] / "examples"
EPOCHS = 8  # A first rung of three, one whole pass, and twice the three of the encoder's defaults.


@pytest.fixture(scope="module")
def parts():
    """Rows of eight labels: 96 to learn from and 48 to compare on."""
    table = read(str(EXAMPLES / "banking77" / "train.csv"), text="text", label="label")
    texts, labels = np.array(table.texts), np.array(table.labels)
    kept = np.flatnonzero(np.isin(labels, sorted(set(labels))[:8]))
    picked = np.random.default_rng(0).permutation(kept)[:144]
    train, away = picked[:96], picked[96:]
    return (list(texts[train]), list(labels[train])), (list(texts[away]), list(labels[away]))


@pytest.fixture(scope="module")
def searched(parts, small_base, tmp_path_factory):
    """One search, kept with its trials."""
    (X, y), validation = parts
    folder = tmp_path_factory.mktemp("search")
    method = Searched(base=str(small_base), epochs=EPOCHS, checkpoint_folder=folder)
    return method.fit(X, y, validation=validation), folder


def test_trials_climb_the_ladder_and_the_defaults_run_whole(searched):
    method, _ = searched
    trials = method.facts_["trials"]
    assert len(tables_of(Page({}), method.facts_)["trials"]["rows"]) == len(trials)
    by_rung = [[trial for trial in trials if trial["rung"] == rung] for rung in range(3)]
    assert [len(rung) for rung in by_rung[:2]] == [3, 1]
    assert by_rung[0][0]["params"] == {}
    assert by_rung[2][0]["number"] == 0
    assert by_rung[2][0]["passes"] == 3
    assert sum(trial["passes"] for trial in trials) <= EPOCHS + 1 / 3
    # What goes on is the best of the rung below.
    assert by_rung[1][0]["number"] == max(by_rung[0], key=lambda trial: trial["score"])["number"]


def test_it_is_no_worse_than_the_defaults_on_validation(searched, parts):
    method, _ = searched
    _, (items, truth) = parts
    whole = [trial["score"] for trial in method.facts_["trials"] if trial["rung"] == 2]
    own = float(np.mean(method.predict(items) == np.array(truth)))
    assert own == max(whole)
    assert own >= whole[0]


def test_a_refit_takes_the_settings_that_were_found_and_searches_nothing(searched, parts, small_base):
    method, _ = searched
    (X, y), _ = parts
    fresh = Searched(base=str(small_base), epochs=EPOCHS, **method.chosen_params_).fit(X, y)
    assert fresh.facts_["trials"] == []
    assert fresh.best_.get_params()["learning_rate"] == method.best_.get_params()["learning_rate"]


def test_trials_that_are_known_are_not_run_again(searched, parts, small_base):
    method, folder = searched
    (X, y), validation = parts
    heard = []
    again = Searched(base=str(small_base), epochs=EPOCHS, checkpoint_folder=folder)
    again.fit(X, y, validation=validation, listener=lambda progress: heard.append(progress.what))
    assert not any("rung 1" in what or "rung 2" in what for what in heard)
    assert again.facts_["params"] == method.facts_["params"]
    written = json.loads((folder / "trials.json").read_text("utf-8"))
    assert len(written) == len(method.facts_["trials"])


def test_what_ships_answers_as_the_best_one(searched, parts, tmp_path):
    method, _ = searched
    _, (items, _) = parts
    method.export(tmp_path)
    answers = load_predictor(tmp_path, threads=1).predict(items)
    assert list(answers.predicted) == list(method.predict(items))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"epochs": 3}, "needs 8 passes"),
        ({"method": "tfidf_linear.v1"}, "is not fine-tuned"),
    ],
)
def test_what_cannot_be_searched_is_refused_before_any_work(parts, small_base, settings, words):
    (X, y), validation = parts
    with pytest.raises(SettingsError, match=words):
        Searched(**{"base": str(small_base), **settings}).fit(X, y, validation=validation)


def test_without_rows_to_compare_on_there_is_no_search(parts, small_base):
    (X, y), _ = parts
    with pytest.raises(SettingsError, match="no validation rows"):
        Searched(base=str(small_base), epochs=EPOCHS).fit(X, y)


def test_the_space_holds_what_the_method_has():
    of_encoder, of_tagger = space_of(Encoder()), space_of(TokenEncoder())
    assert isinstance(of_encoder["learning_rate"], Range)
    assert isinstance(of_tagger["token_budget"], OneOf)
    assert set(of_encoder) <= set(Encoder().get_params())


@pytest.mark.parametrize(
    ("target", "labels"),
    [
        ("a", {"a"}),
        (["a", "b"], {"a", "b"}),
        ([[0, 2, "X"], [3, 5, "Y"]], {"X", "Y"}),
        (2.5, set()),
        ([], set()),
    ],
)
def test_labels_are_found_in_the_targets_of_every_task(target, labels):
    assert labels_of(target) == labels
