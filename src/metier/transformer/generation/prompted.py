"""Zero-shot labels by their likelihood after the text under a generative base; nothing is trained."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import psutil
import transformers
from pydantic import Field
from sklearn.base import clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from metier.bases.base import GenerativeBase
from metier.bases.generative_bases import (
    load_codec,
    load_language_model,
    resolve_generative_base,
    save_language_model,
    working_dtype,
)
from metier.bases.huggingface_folder import quiet_transformers
from metier.errors import SettingsError
from metier.evaluation.calibration import fit_temperature
from metier.evaluation.softmax import softmax
from metier.predictors.loading import read_settings, write_settings
from metier.progress import Listener, Progress, ignore
from metier.tasks.answer_batches import Answers
from metier.tasks.answers.label import LABEL
from metier.tasks.estimators import Classifier
from metier.tasks.inputs.text import TEXT
from metier.tasks.method_contract import Capabilities, CostRank
from metier.tasks.method_settings import MethodSettings, with_settings
from metier.training.training_cost import Cost
from metier.transformer.generation.label_likelihood import PLACE, LabelLikelihood

KIND = "torch_prompted.v1"
HUGGING_FACE_FOLDER = "huggingface"
TEMPLATE = "Text: {text}\nTopic:"
# Sums of logarithms over a few tokens, where no labelled row says how far they can be trusted.
UNCALIBRATED_TEMPERATURE = 2.0
ROWS_AT_ONCE = 10  # Between two reports of progress.
TIMED_ROWS = 3


class TorchPromptedPredictor:
    """A causal model that scores the labels of a text, answering by torch. Safe to share between threads.

    Parameters
    ----------
    base : GenerativeBase
    settings : mapping
        `predictor.json`: name, labels, described, template, temperature.
    """

    def __init__(self, base: GenerativeBase, settings: Mapping[str, Any]):
        self.name: str = settings["name"]
        self.labels: tuple[str, ...] = tuple(settings["labels"])
        self._temperature: float = settings["temperature"]
        self.likelihood = LabelLikelihood(
            load_language_model(base, dtype=working_dtype(base)),
            load_codec(base.folder),
            described=settings["described"],
            template=settings["template"],
            most_tokens=base.max_length,
        )

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load what `Prompted.export` wrote; torch counts its threads by itself, for the whole process."""
        return cls(resolve_generative_base(str(folder / HUGGING_FACE_FOLDER)), read_settings(folder))

    def predict(self, texts: Sequence[str]) -> Answers:
        """Answer texts, one after the other."""
        if not len(texts):
            return Answers(np.empty((0, len(self.labels))), self.labels, ())
        scores = self.likelihood.scores(texts)
        return Answers(softmax(scores / self._temperature), self.labels, (self.name,) * len(texts))


class PromptedSettings(MethodSettings):
    """Settings of a base that is asked for a label."""

    base: str = Field("auto", description="A causal model: a folder, `smollm2` (which `auto` is), a hub name.")
    descriptions: Mapping[str, str] | None = Field(
        None, description="How a label is written where its name, underscores as spaces, says too little."
    )
    template: str = Field(TEMPLATE, description="What stands around the text; the label is what follows.")
    temperature: float | None = Field(
        None, gt=0, description="Of the softmax over the scores; None: fitted on validation."
    )
    most_scored: int = Field(
        100, ge=1, description="Validation rows to fit it on; each costs a pass of the base."
    )
    random_state: Any = Field(0, description="Which rows these are.")

    @classmethod
    def misfits(cls, values: Mapping[str, Any]) -> list[str]:
        """Say what a template lacks."""
        template = values["template"]
        return [] if PLACE in template else [f"template is {template!r}, expected a text with {PLACE} in it"]


@with_settings(PromptedSettings)
class Prompted(Classifier):
    """A generative base scores each label as a continuation of the text; it does not learn from labelled rows.

    For bases of some billion weights: with the small one that comes with Metier, of 135 million, `ZeroShot` is far
    better and hundreds of times as fast. Prediction uses torch: `metier[train]` is needed where it is served.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    chosen_params_ : dict
        What to set so that another fit needs no validation.
    facts_ : dict
    """

    name = "prompted.v1"
    capabilities: ClassVar[Capabilities] = Capabilities(
        cost=CostRank.FROZEN, needs_base=True, writes=True, tasks=("classification",)
    )

    def fit(
        self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Learn the label space and fit the temperature; without `validation` rows of X serve, none being learned."""
        self.Settings.of(self)
        examples = LABEL.check(TEXT.read(X), y)
        validation_rows = (
            examples
            if validation is None
            else LABEL.check(TEXT.read(validation[0]), validation[1], known=examples)
        )
        self.classes_ = examples.labels
        self._base = resolve_generative_base(self.base)
        if self._base.is_encoder_decoder:
            raise SettingsError([f"base is {self.base!r}, an encoder-decoder; expected a causal model"])
        self.predictor_ = TorchPromptedPredictor(self._base, self._settings(1.0))
        temperature = self.temperature
        if temperature is None:
            picked = check_random_state(self.random_state).permutation(len(validation_rows))[: self.most_scored]
            some = validation_rows.take(picked)
            temperature = fit_temperature(self._scores(some.items, listener), some.truth)
        self.temperature_ = float(temperature or UNCALIBRATED_TEMPERATURE)
        self.chosen_params_ = {"base": self._base.name, "temperature": self.temperature_}
        self.facts_: dict[str, Any] = {"base": self._base.name, "described": self._described()}
        return self

    def measure(self, X: Any, y: Any) -> Cost:
        """Time a few answers; nothing is learned."""
        examples = LABEL.check(TEXT.read(X), y)
        probe = clone(self)
        probe.classes_ = examples.labels
        predictor = TorchPromptedPredictor(resolve_generative_base(self.base), probe._settings(1.0))
        start = time.perf_counter()
        predictor.likelihood.scores(examples.items[:TIMED_ROWS])
        seconds = (time.perf_counter() - start) / len(examples.items[:TIMED_ROWS])
        memory = psutil.Process().memory_info().rss
        before = 0.0 if self.temperature is not None else seconds * self.most_scored
        return Cost(seconds, 0.0, memory, seconds_before=before, seconds_per_answer=seconds)

    def export(self, folder: Path) -> None:
        """Leave the base and what to ask it."""
        check_is_fitted(self)
        with quiet_transformers():
            tokenizer = transformers.AutoTokenizer.from_pretrained(
                self._base.folder, local_files_only=True, trust_remote_code=False
            )
        model = load_language_model(self._base, dtype=working_dtype(self._base))
        save_language_model(model, tokenizer, folder / HUGGING_FACE_FOLDER)
        write_settings(folder, self._settings(self.temperature_))

    def _probabilities(self, texts: Sequence[str]) -> np.ndarray:
        return softmax(self._scores(texts, ignore) / self.temperature_)

    def _settings(self, temperature: float) -> dict[str, Any]:
        return {
            "kind": KIND,
            "name": self.name,
            "labels": [str(label) for label in self.classes_],
            "described": list(self._described().values()),
            "template": self.template,
            "temperature": temperature,
        }

    def _described(self) -> dict[str, str]:
        given = self.descriptions or {}
        return {
            label: given.get(label) or " ".join(label.replace("_", " ").split()) or label
            for label in map(str, self.classes_)
        }

    def _scores(self, texts: Sequence[str], listener: Listener) -> np.ndarray:
        found = []
        for start in range(0, len(texts), ROWS_AT_ONCE):
            listener(Progress(f"{self.name}: scoring labels", start, len(texts), unit="rows"))
            found.append(self.predictor_.likelihood.scores(texts[start : start + ROWS_AT_ONCE]))
        return np.concatenate(found)
