"""A generative base taught to write what the rows show: summaries, translations, replies."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from metier.bases.adaptation import AdaptationName, faults_of, parse_adaptation
from metier.bases.adaptation.adaptation import Adapted
from metier.bases.adaptation.loading import load_adaptation
from metier.bases.generative_bases import (
    load_language_model,
    resolve_generative_base,
    save_language_model,
    working_dtype,
)
from metier.errors import SettingsError
from metier.export.generation_export import CHECKED_ROWS, export_decoder
from metier.export.onnx_decoder import can_write
from metier.export.precision_choice import PRECISIONS
from metier.predictors.loading import write_settings
from metier.predictors.onnx.graph_session import TOKENIZER_FILE
from metier.predictors.onnx.token_choice import DecodingSettings
from metier.progress import Listener, ignore
from metier.tasks.generation import KINDS, Generation, TextPairs, as_items, check_texts
from metier.tasks.method_contract import Capabilities, CostRank
from metier.training.loop import Outcome
from metier.training.training_cost import Cost
from metier.transformer.generation.generation_examples import Encoding, build_encoding
from metier.transformer.generation.generation_rows import GenerationRows, Writer
from metier.transformer.generation.torch_generation import HUGGING_FACE_FOLDER, KIND, TorchGenerationPredictor
from metier.transformer.generation.writer_tuning import plan_of, tune_writer
from metier.transformer.generation.writing_cost import measure_writer

# What can be merged into a model that writes, so that it is exported and answers as its base does.
ADAPTATIONS = ("lora", "full", "adalora", "ia3")
# Small matrices that start at nothing have far to go; whole weights must not be torn from where they are.
LEARNING_RATES = {"lora": 5e-4, "full": 5e-5, "adalora": 1e-3, "ia3": 3e-3}


class Generator(BaseEstimator):
    """A pretrained model that writes, fine-tuned on prompts and answers.

    What kind of text is wanted is read off the rows (conversations: replies; two languages: translations; targets
    much shorter than their texts: summaries). Only the tokens of the answers count in the loss. By default low-rank
    matrices are trained beside the frozen weights [1]_ and merged into them at the end.

    It needs some hundred rows to take the form of the targets on, and cannot learn a language from them: SmolLM2 knows
    hardly any Chinese. Compare it with `Lead`, `TextRank` and `NearestReply`, which cost nothing.

    Parameters
    ----------
    base : str, default="auto"
        A folder, `smollm2` (which `auto` is), or a hub name, of a causal or an encoder-decoder model.
    kind : {"auto", "summary", "translation", "reply"}, default="auto"
    instruction : str, default=None
        What the base is told before every text; None: by the kind, and nothing for encoder-decoders.
    adaptation : {"lora", "full", "adalora", "ia3"}, default="lora"
        Train low-rank matrices, all weights, matrices that share a budget of ranks, or factors of states; `lora:8`
        states the rank too. See `bases.adaptation`.
    rank : int, default=16
        Of the matrices, where `adaptation` does not state it.
    epochs : int, default=3
        Length of the learning-rate schedule.
    stop_epoch : int, default=None
        Stop after this epoch; None: the best on validation, or the last.
    learning_rate : float, default=None
        At its peak; None: 5e-4 for low-rank matrices, 1e-3 where they share ranks, 3e-3 for factors, 5e-5 for all
        weights.
    warmup_fraction : float, default=0.06
        Share of the steps in which the learning rate rises.
    weight_decay : float, default=0.01
    token_budget : int, default=1024
        Tokens of a batch, padding included.
    accumulate : int, default=1
        Batches for one step.
    clip : float, default=1.0
        Largest norm of the gradient.
    patience : int, default=None
        Stop after this many epochs without a better validation loss.
    time_limit_minutes : float, default=None
        The learning rate reaches zero by then; None: train for all epochs.
    checkpoint_folder : path, default=None
        Keep checkpoints there, and go on from the last one found there.
    context : int, default=1024
        Most tokens that are read and written together (of an encoder-decoder: read). Longer texts are dealt with as
        `predictors.text.prompting` says.
    max_new_tokens, no_repeat_ngram : int, default=None
        None: by the lengths and repetitions of the training targets.
    beams : int, default=1
        Answers followed side by side.
    temperature, top_p : float
        See `DecodingSettings`; at a temperature of 0, the default, nothing is left to chance.
    precision : {"auto", "fp32", "int8"}, default="auto"
        Of an exported Llama-like model; `auto` keeps 8 bits only where they are proved equal and measured faster.
    random_state : int, default=0

    Attributes
    ----------
    task_ : Generation
        The kind of text, and what in the rows said so.
    base_ : GenerativeBase
    chosen_params_ : dict
        What to set so that another fit needs no validation.
    facts_ : dict
        How training went.

    References
    ----------
    .. [1] Hu et al., "LoRA: low-rank adaptation of large language models", 2021, arXiv:2106.09685.
    """

    name = "generator.v1"
    capabilities: ClassVar[Capabilities] = Capabilities(
        cost=CostRank.FINE_TUNED,
        needs_base=True,
        writes=True,
        takes_adaptation=True,
        trains_together=True,
    )
    # One epoch teaches the form of the targets; of a short one there is no more.
    fewest_epochs = 1

    def __init__(
        self,
        *,
        base: str = "auto",
        kind: str = "auto",
        instruction: str | None = None,
        adaptation: str = "lora",
        rank: int = 16,
        epochs: int = 3,
        stop_epoch: int | None = None,
        learning_rate: float | None = None,
        warmup_fraction: float = 0.06,
        weight_decay: float = 0.01,
        token_budget: int = 1024,
        accumulate: int = 1,
        clip: float = 1.0,
        patience: int | None = None,
        time_limit_minutes: float | None = None,
        checkpoint_folder: str | Path | None = None,
        context: int = 1024,
        max_new_tokens: int | None = None,
        no_repeat_ngram: int | None = None,
        beams: int = 1,
        temperature: float = 0.0,
        top_p: float = 1.0,
        precision: str = "auto",
        random_state: int = 0,
    ):
        self.base = base
        self.kind = kind
        self.instruction = instruction
        self.adaptation = adaptation
        self.rank = rank
        self.epochs = epochs
        self.stop_epoch = stop_epoch
        self.learning_rate = learning_rate
        self.warmup_fraction = warmup_fraction
        self.weight_decay = weight_decay
        self.token_budget = token_budget
        self.accumulate = accumulate
        self.clip = clip
        self.patience = patience
        self.time_limit_minutes = time_limit_minutes
        self.checkpoint_folder = checkpoint_folder
        self.context = context
        self.max_new_tokens = max_new_tokens
        self.no_repeat_ngram = no_repeat_ngram
        self.beams = beams
        self.temperature = temperature
        self.top_p = top_p
        self.precision = precision
        self.random_state = random_state

    def fit(
        self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Fine-tune the base on items and the text that answers each.

        Parameters
        ----------
        X : sequence of str, of {"text": ...} or of {"messages": [...]}
        y : sequence of str
        validation : (items, texts), optional
            Epochs are compared on them by loss; without them the last weights stay.

        Raises
        ------
        SettingsError
            If settings cannot work, all faults at once.
        DataError
            If a conversation cannot be answered, or a row has no target.
        """
        self._check_settings()
        pairs = check_texts(X, y)
        unseen = None if validation is None else check_texts(*validation, origin="the validation rows")
        self.task_ = self._task_of(pairs)
        self.base_ = resolve_generative_base(self.base)
        encoding = self._encoding(pairs)
        rows, lost = encoding.rows(pairs)
        away = None if unseen is None else encoding.rows(unseen)[0]
        n_steps = self.epochs * len(plan_of(self, rows)(0)) // self.accumulate
        writer, adapted = self._writer(n_steps)
        n_trained = sum(weight.numel() for weight in writer.trained().values())
        self._checked_rows = (away or rows).parted(CHECKED_ROWS)
        rate = self.learning_rate or LEARNING_RATES[self._adaptation.kind]
        outcome = tune_writer(self, writer, rows, away, adapted=adapted, learning_rate=rate, listener=listener)
        adapted.merge()
        self._finish(writer.language_model, encoding)
        self._note(rows, outcome, lost | {"adaptation": str(self._adaptation), "weights_trained": n_trained})
        return self

    def predict(self, X: Any) -> list[str]:
        """Write an answer to each item."""
        check_is_fitted(self)
        return self.predictor_.predict(as_items(X)).predicted

    def stream(self, item: Any) -> Iterator[str]:
        """Give the answer to one item piece by piece, as it is written."""
        check_is_fitted(self)
        return self.predictor_.stream(item)

    def export(self, folder: Path) -> None:
        """Leave the files that `onnx_generation` answers from, or `torch_generation` where that cannot.

        `huggingface/` in the folder is the model as transformers loads it, and a base again.
        """
        check_is_fitted(self)
        model, settings = self.predictor_.model, self._settings()
        encoding = self._encoding_
        save_language_model(model, encoding.tokenizer, folder / HUGGING_FACE_FOLDER)
        if (
            self.beams > 1
            or not can_write(model.config)
            or not (encoding.base.folder / TOKENIZER_FILE).is_file()
        ):
            write_settings(folder, settings)
            return
        report = export_decoder(
            model,
            encoding.base.folder / TOKENIZER_FILE,
            folder,
            settings={**settings, "end_ids": [encoding.end_id]},
            precision=self.precision,
            check=self._checked_rows,
        )
        self.chosen_params_["precision"] = report["precision"]
        self.facts_["export"] = report

    def measure(self, X: Any, y: Any, *, n_batches: int = 2) -> Cost:
        """Time a few real batches of these rows and say what an epoch costs here; nothing is learned."""
        self._check_settings()
        pairs = check_texts(X, y)
        self.task_ = self._task_of(pairs)
        self.base_ = resolve_generative_base(self.base)
        rows, _ = self._encoding(pairs).rows(pairs)
        return measure_writer(self._writer(1)[0], rows, token_budget=self.token_budget, n_batches=n_batches)

    def _check_settings(self) -> None:
        faults = []
        for setting in ("epochs", "token_budget", "accumulate", "stop_epoch", "patience", "rank", "context"):
            value = getattr(self, setting)
            if value is not None and (value != int(value) or value < 1):
                faults.append(f"{setting} is {value!r}, expected a whole number above 0")
        for setting in ("learning_rate", "clip", "time_limit_minutes"):
            value = getattr(self, setting)
            if value is not None and not value > 0:
                faults.append(f"{setting} is {value!r}, expected None or a number above 0")
        if self.kind not in ("auto", *KINDS):
            faults.append(f"kind is {self.kind!r}, expected auto or one of {', '.join(KINDS)}")
        if self.precision not in PRECISIONS:
            faults.append(f"precision is {self.precision!r}, expected one of {', '.join(PRECISIONS)}")
        if str(self.adaptation).partition(":")[0] not in ADAPTATIONS:
            faults.append(
                f"adaptation is {self.adaptation!r}, expected one of {', '.join(ADAPTATIONS)}, for these can be merged "
                "into a model that writes"
            )
        else:
            faults += faults_of(self.adaptation)
        if faults:
            raise SettingsError(faults, origin=f"The settings of {self.name}")
        self._decoding(1, 0).check(f"The settings of {self.name}")

    def _task_of(self, pairs: TextPairs) -> Generation:
        found = Generation.from_texts(pairs)
        if self.kind == "auto":
            return found
        return Generation(self.kind, "it was said", found.language, is_dialogue=found.is_dialogue)

    def _encoding(self, pairs: TextPairs) -> Encoding:
        return build_encoding(
            self.base_,
            pairs,
            kind=self.task_.kind,
            language=self.task_.language,
            instruction=self.instruction,
            context=self.context,
            max_new_tokens=self.max_new_tokens,
        )

    @property
    def _adaptation(self) -> AdaptationName:
        name = parse_adaptation(self.adaptation)
        is_stated = ":" in self.adaptation or name.size is None
        return name if is_stated else AdaptationName(name.kind, self.rank)

    def _writer(self, n_steps: int) -> tuple[Writer, Adapted]:
        name = self._adaptation
        dtype = torch.float32 if name.kind == "full" else working_dtype(self.base_)
        model = load_language_model(self.base_, dtype=dtype)
        # Of what is as long as these rows, plain attention is the faster on a CPU, backward most of all.
        model.set_attn_implementation("eager")
        adapted = load_adaptation(name).apply(model, random_state=self.random_state, n_steps=n_steps)
        return Writer(model, is_encoder_decoder=self.base_.is_encoder_decoder), adapted

    def _decoding(self, max_new_tokens: int, no_repeat_ngram: int) -> DecodingSettings:
        return DecodingSettings(
            max_new_tokens=max_new_tokens if self.max_new_tokens is None else self.max_new_tokens,
            beams=self.beams,
            temperature=self.temperature,
            top_p=self.top_p,
            no_repeat_ngram=no_repeat_ngram if self.no_repeat_ngram is None else self.no_repeat_ngram,
            seed=self.random_state,
        )

    def _finish(self, model: Any, encoding: Encoding) -> None:
        # All weights were trained in float32; they answer as they will out of the folder.
        self._encoding_ = encoding
        model = model.to(working_dtype(self.base_)).eval()
        model.set_attn_implementation("sdpa")  # As it will be loaded.
        self.predictor_ = TorchGenerationPredictor(model, encoding.codec, self._settings())

    def _settings(self) -> dict[str, Any]:
        decoding = self._decoding(self._encoding_.max_new_tokens, self._encoding_.no_repeat_ngram)
        return {
            "kind": KIND,
            "name": self.name,
            "labels": [],
            "task": self.task_.facts(),
            "prompt": vars(self._encoding_.prompts.settings),
            "decoding": decoding.as_dict(),
        }

    def _note(self, rows: GenerationRows, outcome: Outcome, counts: dict[str, int]) -> None:
        epochs = outcome.best_epoch if outcome.stopped_by == "clock" else self.epochs
        self.chosen_params_ = {
            "base": self.base_.name,
            "kind": self.task_.kind,
            "epochs": epochs,
            "stop_epoch": outcome.best_epoch,
        }
        self.facts_: dict[str, Any] = {
            "base": self.base_.name,
            **self.task_.facts(),
            **counts,
            "answer_tokens": int(sum(map(len, rows.answers))),
            "tokens": int(rows.lengths.sum()),
            "epochs": outcome.history,
            "best_epoch": outcome.best_epoch,
            "steps": outcome.steps,
            "stopped_by": outcome.stopped_by,
            "rows_per_second": outcome.rows / max(outcome.seconds, 1e-9),
            "decoding": self._settings()["decoding"],
        }
