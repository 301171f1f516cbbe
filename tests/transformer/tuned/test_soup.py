"""A soup is the mean of the weights it keeps, no worse on validation than its best part, and answers as one model."""

from pathlib import Path

import numpy as np
import pytest
import torch

from metier.data import read
from metier.errors import SettingsError
from metier.predictors.loading import load_predictor
from metier.report.section import Page
from metier.report.trials import tables_of
from metier.transformer.tuned.encoder import Encoder
from metier.transformer.tuned.soup import Soup, _mean

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture(scope="module")
def parts():
    rows = read(str(EXAMPLES / "banking77" / "train.csv"))
    texts, labels = np.array(rows.texts), np.array(rows.labels)
    kept = np.flatnonzero(np.isin(labels, sorted(set(labels))[:8]))
    picked = np.random.default_rng(1).permutation(kept)[:150]
    return (list(texts[picked[:90]]), list(labels[picked[:90]])), (
        list(texts[picked[90:]]),
        list(labels[picked[90:]]),
    )


@pytest.fixture(scope="module")
def soup(parts, small_base):
    (X, y), validation = parts
    return Soup(base=str(small_base), ingredients=3, epochs=2).fit(X, y, validation=validation)


def test_the_soup_loses_nothing_to_its_best_ingredient_on_validation(soup):
    losses = [one["log_loss"] for one in soup.facts_["ingredients"]]
    assert len(losses) == 3
    assert soup.facts_["kept"][0] == int(np.argmin(losses))
    assert soup.facts_["soup"]["log_loss"] <= min(losses) + 1e-6
    assert 0 <= soup.facts_["comparison"]["p_value"] <= 1
    assert len(tables_of(Page({}), soup.facts_)["ingredients"]["rows"]) == 5


def test_ingredients_are_different_trainings(soup):
    rates = {one["recipe"]["learning_rate"] for one in soup.facts_["ingredients"]}
    seeds = {one["recipe"]["random_state"] for one in soup.facts_["ingredients"]}
    assert len(rates) == 3
    assert len(seeds) == 3


def test_a_mean_of_weights_is_their_mean_and_leaves_whole_numbers_alone():
    one = {"a": torch.tensor([1.0, 3.0]), "places": torch.tensor([0, 1])}
    other = {"a": torch.tensor([3.0, 5.0]), "places": torch.tensor([0, 1])}
    mean = _mean([one, other])
    assert mean["a"].tolist() == [2.0, 4.0]
    assert mean["places"].tolist() == [0, 1]


def test_a_refit_averages_the_recipes_that_were_kept(soup, parts, small_base):
    (X, y), _ = parts
    again = Soup(base=str(small_base), epochs=2, **soup.chosen_params_).fit(X, y)
    trained = [
        Encoder(**{"base": str(small_base), "epochs": 2, **recipe}).fit(X, y)
        for recipe in soup.chosen_params_["recipes"]
    ]
    expected = torch.stack([encoder.model_.head.weight for encoder in trained]).mean(0)
    assert torch.allclose(again.best_.model_.head.weight, expected, atol=1e-5)


def test_what_ships_answers_as_the_average(soup, parts, tmp_path):
    _, (items, _) = parts
    soup.export(tmp_path)
    shipped = load_predictor(tmp_path, threads=1).predict(items).probabilities
    assert np.abs(shipped - soup.predict_proba(items)).max() < 0.02


@pytest.mark.parametrize(
    ("settings", "words"), [({"ingredients": 1}, "ingredients is 1, expected"), ({}, "no validation rows")]
)
def test_what_cannot_be_averaged_is_refused(parts, small_base, settings, words):
    (X, y), validation = parts
    with pytest.raises(SettingsError, match=words):
        Soup(base=str(small_base), **settings).fit(X, y, validation=validation if settings else None)
