"""Several fine-tunings of one base whose weights are averaged into one model that costs no more than one."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from pydantic import Field
from sklearn.utils.validation import check_is_fitted

from metier.errors import SettingsError
from metier.evaluation.calibration import SMALLEST_PROBABILITY, fit_temperature, log_loss
from metier.evaluation.comparison import compare
from metier.evaluation.metrics import accuracy
from metier.evaluation.softmax import softmax
from metier.predictors.loading import name_as
from metier.progress import Listener, ignore
from metier.tasks.answers import LABEL
from metier.tasks.answers.decoder_settings import TEMPERATURE
from metier.tasks.estimators import Classifier
from metier.tasks.examples import Examples
from metier.tasks.inputs import TEXT
from metier.tasks.method_contract import Capabilities, CostRank
from metier.tasks.method_settings import MethodSettings, with_settings
from metier.training.encoder_settings import BASE, Precision
from metier.training.training_cost import Cost
from metier.transformer.tuned.encoder import Encoder

# Ingredients differ in the order of their rows and, so that they are not all alike, in their learning rate.
RATES = (1.0, 0.7, 1.4)


@dataclass(frozen=True)
class Ingredient:
    """One fine-tuning.

    Parameters
    ----------
    recipe : dict
        Settings of the encoder with which it can be trained again without validation.
    log_loss, accuracy : float
        On validation.
    """

    recipe: dict[str, Any]
    log_loss: float
    accuracy: float


class SoupSettings(MethodSettings):
    """What `Soup` can be set to."""

    base: Any = Field("auto", description=BASE)
    ingredients: int = Field(3, ge=2, description="Encoders to train.")
    epochs: int = Field(3, ge=1, description="Length of the learning-rate schedule of each encoder.")
    recipes: list[dict[str, Any]] | None = Field(
        None,
        description="Settings of the encoders that were kept: these are trained and averaged without a choice.",
    )
    temperature: float | None = TEMPERATURE
    time_limit_minutes: float | None = Field(
        None, gt=0, description="Time limit for all encoders together; None: no limit."
    )
    checkpoint_folder: str | Path | None = Field(
        None, description="Folder for checkpoints; training resumes from those found there."
    )
    precision: Precision = Field("auto", description="Precision of the exported encoder.")
    random_state: int = Field(0, description="Seed of everything random.")


@with_settings(SoupSettings)
class Soup(Classifier):
    """Encoders fine-tuned from one base and one head, their weights averaged greedily [1]_.

    The average starts with the best encoder on validation; each further one, best first, is kept only if validation
    log-loss falls. The average has the prediction cost of one model. Its gain over its best ingredient is tested by a
    paired test; the average of the predictions, which costs as many passes as there are ingredients, is reported for
    comparison.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    best_ : Encoder
        With the averaged weights.
    facts_ : dict
        `ingredients`, which were `kept`, `soup`, `ensemble` and `comparison` on validation.

    References
    ----------
    .. [1] Wortsman et al., "Model soups: averaging weights of multiple fine-tuned models improves accuracy without
       increasing inference time", 2022, arXiv:2203.05482.
    """

    name = "soup.v1"
    capabilities: ClassVar[Capabilities] = Capabilities(
        cost=CostRank.SEVERAL_FITS,
        baseline="encoder.v1",
        made_of=("encoder.v1",),
        needs_base=True,
        trains_together=True,
    )

    def fit(
        self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Train the ingredients on texts and their labels, and average those that help.

        Raises
        ------
        SettingsError
            Without `validation` and without `recipes`: what to keep is chosen on rows that were not trained on.
        """
        SoupSettings.of(self)
        if validation is None and self.recipes is None:
            raise SettingsError(
                ["there are no validation rows and no recipes"], origin=f"The settings of {self.name}"
            )
        examples = LABEL.check(TEXT.read(X), y)
        held = None
        if validation is not None:
            held = LABEL.check(TEXT.read(validation[0]), validation[1], known=examples)
        if self.recipes is not None or held is None:
            self._train_recipes(examples, listener)
        else:
            self._choose(examples, held, listener)
        self.classes_ = self.best_.classes_
        return self

    def export(self, folder: Path) -> None:
        """Leave the files that `predictors.onnx.graph_predictor` answers from, and a Hugging Face folder."""
        check_is_fitted(self)
        self.best_.export(folder)
        name_as(folder, self.name)
        self.facts_["export"] = self.best_.facts_["export"]

    def measure(self, X: Any, y: Any = None) -> Cost:
        """Time a few real batches; an epoch is one of every ingredient."""
        cost = self._encoder(0).measure(X, y)
        return replace(cost, seconds_per_epoch=cost.seconds_per_epoch * self.ingredients)

    def _probabilities(self, texts: Sequence[str]) -> np.ndarray:
        return self.best_.predict_proba(texts)

    def _encoder(self, number: int, **settings: Any) -> Encoder:
        folder = self.checkpoint_folder
        limit = self.time_limit_minutes
        common: dict[str, Any] = {
            "base": self.base,
            "epochs": self.epochs,
            "random_state": self.random_state + number,
            "precision": self.precision,
            "checkpoint_folder": None if folder is None else Path(folder) / f"ingredient-{number}",
            "time_limit_minutes": None if limit is None else limit / self.ingredients,
        }
        return Encoder(**{**common, **settings})

    def _choose(self, examples: Examples, held: Examples, listener: Listener) -> None:
        X, y = examples.items, examples.labels[examples.truth]
        validation = (held.items, held.labels[held.truth])
        # The head's start is chosen once: ingredients that start apart cannot be averaged.
        first = self._encoder(0).fit(X, y, validation=validation, listener=listener)
        encoders, C = [first], first.chosen_params_["C"]
        for number in range(1, self.ingredients):
            rate = first.facts_["learning_rate"] * RATES[number % len(RATES)]
            encoder = self._encoder(number, learning_rate=rate, C=C)
            encoders.append(encoder.fit(X, y, validation=validation, listener=listener))
        answers = [encoder.predict_proba(held.items) for encoder in encoders]
        losses = [log_loss(own, held.truth) for own in answers]
        order = sorted(range(len(encoders)), key=lambda number: losses[number])
        kept = self._average_greedily(encoders, order, held, losses)
        self._report(encoders, kept, held, answers)

    def _average_greedily(
        self, encoders: Sequence[Encoder], order: Sequence[int], held: Examples, losses: Sequence[float]
    ) -> list[int]:
        """Average into the best one whatever lowers the loss; give the positions of those that are in."""
        best = encoders[order[0]]
        states = [_weights(encoder) for encoder in encoders]
        kept, lowest = [order[0]], losses[order[0]]
        for number in order[1:]:
            _load(best, _mean([states[one] for one in [*kept, number]]))
            loss = log_loss(_at_best_temperature(best, held), held.truth)
            if loss < lowest:
                kept, lowest = [*kept, number], loss
        _load(best, _mean([states[one] for one in kept]))
        logits = np.log(np.maximum(best.predict_proba(held.items), SMALLEST_PROBABILITY))
        # These answers are softened by the ingredient's own temperature already.
        found = self.temperature or best.decoder_.temperature * fit_temperature(logits, held.truth)
        best.decoder_ = replace(best.decoder_, temperature=float(found))
        self.best_ = best
        return kept

    def _report(
        self, encoders: Sequence[Encoder], kept: list[int], held: Examples, answers: Sequence[np.ndarray]
    ) -> None:
        recipes = [_recipe(encoders[number]) for number in kept]
        soup = self.best_.predict_proba(held.items)
        ensemble = np.mean(answers, axis=0)
        found = compare(held.truth, soup.argmax(1), answers[kept[0]].argmax(1))
        self.facts_: dict[str, Any] = {
            **self.best_.facts_,
            "ingredients": [
                asdict(
                    Ingredient(
                        _recipe(encoder),
                        log_loss(own, held.truth),
                        accuracy(held.truth, own.argmax(axis=1)),
                    )
                )
                for encoder, own in zip(encoders, answers, strict=True)
            ],
            "kept": kept,
            "soup": {
                "log_loss": log_loss(soup, held.truth),
                "accuracy": accuracy(held.truth, soup.argmax(axis=1)),
            },
            "ensemble": {
                "log_loss": log_loss(ensemble, held.truth),
                "accuracy": accuracy(held.truth, ensemble.argmax(axis=1)),
            },
            "comparison": asdict(found),
        }
        self.chosen_params_ = {"recipes": recipes, "temperature": float(self.best_.decoder_.temperature)}

    def _train_recipes(self, examples: Examples, listener: Listener) -> None:
        X, y = examples.items, examples.labels[examples.truth]
        recipes = self.recipes or []
        encoders = [
            self._encoder(number, **recipe).fit(X, y, listener=listener)
            for number, recipe in enumerate(recipes)
        ]
        self.best_ = encoders[0]
        _load(self.best_, _mean([_weights(encoder) for encoder in encoders]))
        given = float(self.temperature or self.best_.decoder_.temperature)
        self.best_.decoder_ = replace(self.best_.decoder_, temperature=given)
        self.facts_ = {**self.best_.facts_, "kept": list(range(len(encoders)))}
        self.chosen_params_ = {"recipes": recipes, "temperature": self.best_.decoder_.temperature}


def _recipe(encoder: Encoder) -> dict[str, Any]:
    own = {"learning_rate": encoder.facts_["learning_rate"], "random_state": encoder.random_state}
    return {**own, **{name: value for name, value in encoder.chosen_params_.items() if name != "precision"}}


def _weights(encoder: Encoder) -> dict[str, torch.Tensor]:
    return {name: weight.detach().clone() for name, weight in encoder.model_.state_dict().items()}


def _mean(states: Sequence[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """Average weights by name; what is not a fraction, as a buffer of positions, is the first one's."""
    first = states[0]
    return {
        name: torch.stack([state[name] for state in states]).mean(0) if value.is_floating_point() else value
        for name, value in first.items()
    }


def _load(encoder: Encoder, weights: dict[str, torch.Tensor]) -> None:
    encoder.model_.load_state_dict(weights)


def _at_best_temperature(encoder: Encoder, held: Examples) -> np.ndarray:
    logits = np.log(np.maximum(encoder.predict_proba(held.items), SMALLEST_PROBABILITY))
    return softmax(logits / fit_temperature(logits, held.truth))
