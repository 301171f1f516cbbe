"""A generative base on this machine, asked in words: labels by their likelihood, all else as it writes it."""

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
from metier.predictors.text.asked_rows import TASKS, AskedTask, account, build_questions, neutral_trust
from metier.predictors.text.asking_method import AskingMethod, AskingSettings
from metier.predictors.text.questions import AskedReply, Questions
from metier.progress import Listener, Progress, ignore
from metier.tasks.answer_batches import Answers
from metier.tasks.answers.asking import Trust
from metier.tasks.method_contract import Capabilities, CostRank
from metier.tasks.method_settings import with_settings
from metier.training.training_cost import Cost
from metier.transformer.generation.asked_base import HUGGING_FACE_FOLDER, TorchAskedPredictor
from metier.transformer.generation.label_likelihood import PLACE, LabelLikelihood

KIND = "torch_prompted.v1"
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
        self.temperature: float = settings["temperature"]
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

    def scores(self, texts: Sequence[str]) -> np.ndarray:
        """Give the scores of labels, an ndarray of shape (n_texts, n_labels)."""
        return self.likelihood.scores(texts)

    def predict(self, texts: Sequence[str]) -> Answers:
        """Answer texts, one after the other."""
        if not len(texts):
            return Answers(np.empty((0, len(self.labels))), self.labels, ())
        scores = self.scores(texts)
        return Answers(softmax(scores / self.temperature), self.labels, (self.name,) * len(texts))


class PromptedSettings(AskingSettings):
    """Settings of a base that is asked in words."""

    base: str = Field("auto", description="A causal model: a folder, `smollm2` (which `auto` is), a hub name.")
    descriptions: Mapping[str, str] | None = Field(
        None, description="How a label is written where its name, underscores as spaces, says too little."
    )
    template: str = Field(
        TEMPLATE,
        description="Of single labels without examples: what stands around the text; the label is what follows.",
    )
    temperature: float | None = Field(
        None, gt=0, description="Of the softmax over the scores of labels; None: fitted on validation."
    )
    most_prompt_tokens: int = Field(
        1_000,
        ge=64,
        description="Of instructions, examples and question together, as estimated; examples that do not fit are left out.",
    )
    most_scored: int = Field(
        100, ge=1, description="Validation rows that judge it; each costs a pass of the base."
    )

    @classmethod
    def misfits(cls, values: Mapping[str, Any]) -> list[str]:
        """Say what a template lacks."""
        template = values["template"]
        return [] if PLACE in template else [f"template is {template!r}, expected a text with {PLACE} in it"]


@with_settings(PromptedSettings)
class Prompted(AskingMethod):
    """A generative base that is asked in words about any task; it does not learn from labelled rows.

    One label is scored as a continuation of the text; sets of labels, numbers, spans, answers from passages and texts are
    written, and read strictly: what is no answer is asked about once more, then the row has none. With `n_examples` each
    question is preceded by the training rows most like it. For bases of some billion weights: with the small one that
    comes with Metier, of 135 million, `ZeroShot` and `FewShot` are far better and hundreds of times as fast. Prediction
    uses torch: `metier[train]` is needed where it is served.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    chosen_params_ : dict
        What to set so that another fit needs no validation.
    facts_ : dict
    """

    name = "prompted.v1"
    capabilities: ClassVar[Capabilities] = Capabilities(
        cost=CostRank.FROZEN, needs_base=True, writes=True, tasks=TASKS
    )
    base: str
    descriptions: Mapping[str, str] | None
    template: str
    temperature: float | None
    n_examples: int | None
    mask_personal_data: bool
    most_scored: int
    most_prompt_tokens: int
    order: Any
    random_state: Any
    right_fraction: float | None

    def fit(
        self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Learn the label space, and on validation rows how far its answers can be trusted.

        Without `validation` rows of X serve, none being learned.
        """
        self.Settings.of(self)  # type: ignore[attr-defined]
        self._resolve()
        task = AskedTask.of(self.task)
        if not task.answer.is_one_label:
            self._fit_asking(X, y, validation, most_asked=self.most_scored, listener=listener)
            self.chosen_params_ |= {"base": self._base.name}
            self.facts_["base"] = self._base.name
            return self
        examples = task.check(X, y, order=self.order)
        held = examples if validation is None else task.check(*validation, order=self.order, known=examples)
        self.classes_ = examples.labels
        facts: dict[str, Any] = {}
        if self._is_plain(task):
            self.predictor_: Any = TorchPromptedPredictor(self._base, self._settings(1.0))
        else:
            options = self.Settings(**self.get_params(deep=False))  # type: ignore[attr-defined]
            questions, facts = build_questions(task, examples, list(y), options)
            self.predictor_ = self._asks(questions, neutral_trust(task, examples))
        temperature = self.temperature
        if temperature is None:
            picked = check_random_state(self.random_state).permutation(len(held))[: self.most_scored]
            some = held.take(picked)
            temperature = fit_temperature(self._scores(some.items, listener), some.truth)
        self.temperature_ = float(temperature or UNCALIBRATED_TEMPERATURE)
        self.predictor_.temperature = self.temperature_
        self.chosen_params_ = {"base": self._base.name, "temperature": self.temperature_}
        self.facts_ = {"base": self._base.name, "described": self._described(), **facts}
        return self

    def measure(self, X: Any, y: Any) -> Cost:
        """Time a few answers; nothing is learned."""
        few = slice(0, TIMED_ROWS)
        probe = clone(self).set_params(**self._settled())
        probe.fit(X, y)
        start = time.perf_counter()
        probe.predict(X[few])
        seconds = (time.perf_counter() - start) / len(X[few])
        memory = psutil.Process().memory_info().rss
        is_settled = None not in (self.temperature, self.right_fraction)
        before = 0.0 if is_settled else seconds * self.most_scored
        return Cost(seconds, 0.0, memory, seconds_before=before, seconds_per_answer=seconds)

    def export(self, folder: Path) -> None:
        """Leave the base and what to ask it."""
        check_is_fitted(self, "predictor_")
        with quiet_transformers():
            tokenizer = transformers.AutoTokenizer.from_pretrained(
                self._base.folder, local_files_only=True, trust_remote_code=False
            )
        model = load_language_model(self._base, dtype=working_dtype(self._base))
        save_language_model(model, tokenizer, folder / HUGGING_FACE_FOLDER)
        if isinstance(self.predictor_, TorchPromptedPredictor):
            write_settings(folder, self._settings(self.temperature_))
        else:
            self.predictor_.save(folder)

    def _resolve(self) -> None:
        self._base = resolve_generative_base(self.base)
        if self._base.is_encoder_decoder:
            raise SettingsError([f"base is {self.base!r}, an encoder-decoder; expected a causal model"])

    def _is_plain(self, task: AskedTask) -> bool:
        """Whether labels of texts are scored in the template, without examples."""
        return task.has_named_answers and not self.n_examples and not self.mask_personal_data

    def _settled(self) -> dict[str, Any]:
        """Give settings with which a fit asks nothing."""
        return {"temperature": 1.0, "right_fraction": 0.5, "half_width": 1.0}

    def _asks(self, questions: Questions, trust: Trust) -> TorchAskedPredictor:
        before = vars(self).get("predictor_")
        model = before.model if isinstance(before, TorchAskedPredictor) and before.base == self._base else None
        return TorchAskedPredictor(
            self._base, questions, trust=trust, temperature=1.0, name=self.name, model=model
        )

    def _account(self, replies: Sequence[AskedReply]) -> dict[str, Any]:
        return account(replies, price_in=None, price_out=None)

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
            found.append(self.predictor_.scores(texts[start : start + ROWS_AT_ONCE]))
        return np.concatenate(found)
