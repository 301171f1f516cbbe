"""A generative base fine-tuned for texts: summaries, translations, replies, free text, code, answers to questions."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import Field
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from metier.bases.adaptation import AdaptationName, check_fits, faults_of, parse_adaptation
from metier.bases.base import GenerativeBase
from metier.bases.generative_bases import (
    resolve_generative_base,
    working_dtype,
)
from metier.errors import SettingsError
from metier.export.generation_export import CHECKED_ROWS
from metier.predictors.text.decoding import DecodingSettings
from metier.predictors.text.decoding.constraints import read_constraint
from metier.progress import Listener, ignore
from metier.tasks.generation import Generation, TextPairs, check_texts
from metier.tasks.inputs.conversation import as_items
from metier.tasks.method_contract import Capabilities, CostRank
from metier.tasks.method_settings import with_settings
from metier.training.answer_tuning import plan_of, tune_writer
from metier.training.encoder_settings import Precision
from metier.training.loop import Outcome
from metier.training.training_cost import Cost
from metier.transformer.generation.answer_rules import (
    answering_attention,
    begin_as_trained,
)
from metier.transformer.generation.decoding_fields import NOT_OF_PIECES, DecodingFields
from metier.transformer.generation.generation_examples import Encoding, build_encoding
from metier.transformer.generation.generation_rows import GenerationRows
from metier.transformer.generation.kept_states import kept_states
from metier.transformer.generation.prepared_writer import STATES, PreparedWriter, n_places, prepare_writer
from metier.transformer.generation.torch_generation import KIND, TorchGenerationPredictor
from metier.transformer.generation.writer_export import export_answering
from metier.transformer.generation.writing_cost import measure_writer

# Low-rank matrices start at zero and need large steps, as adapters and biases do; full fine-tuning needs small ones. What
# is learned before the text needs the largest: the prompt paper takes 0.3, by an optimizer whose steps are smaller.
LEARNING_RATES = {
    "lora": 5e-4,
    "full": 5e-5,
    "adalora": 1e-3,
    "ia3": 3e-3,
    "top": 5e-5,
    "adapter": 1e-3,
    "bitfit": 1e-3,
    "prefix": 1e-2,
    "prompt": 3e-2,
}

CHECKED_TEXTS = 200  # Of each side, that a tokenizer which was written anew has to read alike.


class GeneratorSettings(DecodingFields):
    """What `Generator` can be set to."""

    base: Any = Field(
        "auto",
        description="A folder, `smollm2` (which `auto` is), or a hub name, of a causal or an encoder-decoder model.",
    )
    kind: Literal["auto", "summary", "translation", "reply", "text", "code", "answer"] = Field(
        "auto", description="Kind of text to generate; `auto`: inferred from the rows."
    )
    instruction: str | None = Field(
        None,
        description="Instruction before every text; None: by the kind of text, and none for encoder-decoders.",
    )
    adaptation: str = Field(
        "lora",
        description="Which weights train: low-rank matrices (`lora`), all (`full`), low-rank matrices that share a rank "
        "budget (`adalora`), factors of activations (`ia3`), the uppermost layers (`top:2`), networks between layers "
        "(`adapter:48`), biases (`bitfit`), or what is read before every text: keys and values (`prefix:16`), word vectors "
        "(`prompt:16`). `lora:8` states the rank too. See `bases.adaptation`.",
    )
    rank: int = Field(
        16, ge=1, description="Rank of the low-rank matrices, where `adaptation` does not state it."
    )
    learning_rate: float | None = Field(
        None,
        gt=0,
        description="Peak learning rate; None: 5e-4 for low-rank matrices, 1e-3 where they share ranks, for adapters and "
        "biases, 3e-3 for factors, 1e-2 for a prefix, 3e-2 for a prompt, 5e-5 for all weights of some layers or of all.",
    )
    upper_layers: int | None = Field(
        None,
        ge=1,
        description="Layers of a causal model that train, from the top; what those below give is computed once and kept. "
        "None: a fifth of them for `lora`, all for other adaptations.",
    )
    context: int = Field(
        1024,
        ge=1,
        description="Most tokens of prompt and answer together (of an encoder-decoder: of the prompt). "
        "Longer texts are shortened as `predictors.text.prompting` describes.",
    )
    checkpoint_folder: str | Path | None = Field(
        None, description="Folder for checkpoints; training resumes from the last one found there."
    )
    precision: Precision = Field(
        "auto",
        description="Precision of an exported graph; `auto`: 8 bits where they pass the "
        "equivalence check and are faster.",
    )

    @classmethod
    def misfits(cls, values: Mapping[str, Any]) -> list[str]:
        """Say which values do not go with one another."""
        faults, adaptation = super().misfits(values), str(values["adaptation"])
        kind = adaptation.partition(":")[0]
        if kind == "head":
            faults.append(
                f"adaptation is {adaptation!r}, and a generative model has no head of its own to train. Use "
                f"'lora:{values['rank']}', or one of {', '.join(LEARNING_RATES)}"
            )
        else:
            faults += faults_of(adaptation)
        if values["upper_layers"] is not None and kind in ("top", "adapter", "bitfit", *STATES):
            faults.append(
                f"upper_layers is {values['upper_layers']} and adaptation {adaptation!r}, which says itself where it "
                "trains. Leave upper_layers out"
            )
        return faults


@with_settings(GeneratorSettings)
class Generator(BaseEstimator):
    """A pretrained generative model, fine-tuned on prompts and answers.

    The kind of text is inferred from the rows (conversations: replies; questions with passages: answers; code; two
    languages: translations; targets much shorter than their texts: summaries). Only the tokens of the answers count in
    the loss. By default low-rank matrices are trained beside the weights of the upper fifth of the layers [1]_ and merged
    into them at the end; what the layers below give is computed once and kept (docs/writers.md).

    What is tuned from Llama, Mistral, Qwen, Gemma, GPT-2, GPT-NeoX, OPT, T5, mT5, BART, mBART, Pegasus, Marian or M2M100 is
    written as ONNX graphs and answers without torch, if the graphs are proved equal; any other base answers with torch.

    It needs some hundred rows to learn the form of the targets, and cannot learn a language from them: SmolLM2 knows
    hardly any Chinese. Compare it with `Lead`, `TextRank` and `NearestReply`, which cost nothing.

    Attributes
    ----------
    task_ : Generation
        The kind of text, and the evidence for it in the rows.
    base_ : GenerativeBase
    chosen_params_ : dict
        What to set so that another fit needs no validation.
    facts_ : dict
        How training went.

    References
    ----------
    .. [1] Hu et al., "LoRA: low-rank adaptation of large language models", 2021, arXiv:2106.09685.
    """

    Settings: ClassVar[type[GeneratorSettings]]
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

    def fit(
        self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Fine-tune the base on items and the text that answers each.

        Parameters
        ----------
        X : sequence of str, of {"text": ...}, of {"messages": [...]} or of {"question", "passage"}
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
        settings = self.Settings.of(self)
        pairs = check_texts(X, y)
        held = None if validation is None else check_texts(*validation, origin="the validation rows")
        self.task_ = self._task_of(pairs)
        self.base_, first = self._resolved(listener)
        check_fits(str(self._adaptation), self.base_)
        encoding = self._encoding(pairs)
        rows, lost = encoding.rows(pairs)
        held_rows = None if held is None else encoding.rows(held)[0]
        n_steps = self.epochs * len(plan_of(settings, rows)(0)) // self.accumulate
        ready = self._prepared([rows] if held_rows is None else [rows, held_rows], n_steps)
        trained = ready.n_trained
        self._checked_rows = (held_rows or rows).parted(CHECKED_ROWS)
        texts = [item for item in pairs.items if isinstance(item, str)]
        self._checked_texts = [*texts[:CHECKED_TEXTS], *pairs.targets[:CHECKED_TEXTS]]
        began = time.perf_counter()
        with kept_states(ready.writer, ready.n_frozen, ready.parts, listener=listener) as are_kept:
            before = time.perf_counter() - began
            outcome = tune_writer(
                settings,
                self.base_,
                ready.writer,
                ready.parts[0],
                None if held_rows is None else ready.parts[1],
                adapted=ready.adapted,
                learning_rate=self.learning_rate or LEARNING_RATES[self._adaptation.kind],
                listener=listener,
            )
        ready.adapted.merge()
        self._finish(ready.writer.language_model, encoding)
        how = {
            "adaptation": str(self._adaptation),
            "weights_trained": trained,
            "layers_trained": ready.n_layers - ready.n_frozen,
            "frozen_states_kept": are_kept,
            "seconds_before": before,
        }
        self._note(rows, outcome, lost | how | first)
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
        report = export_answering(
            self.predictor_.model,
            self._encoding_,
            folder,
            settings=self._settings(),
            precision=self.precision,
            check=self._checked_rows,
            texts=self._checked_texts,
        )
        self.facts_["export"] = report
        if report["precision"] != "torch":
            self.chosen_params_["precision"] = report["precision"]

    def measure(self, X: Any, y: Any, *, n_batches: int = 2) -> Cost:
        """Time a few real batches of these rows and say what an epoch costs here; nothing is learned."""
        self.Settings.of(self)
        pairs = check_texts(X, y)
        self.task_ = self._task_of(pairs)
        self.base_ = resolve_generative_base(self.base)
        rows, _ = self._encoding(pairs).rows(pairs)
        ready = self._prepared([rows], 1)
        return measure_writer(ready, token_budget=self.token_budget, n_batches=n_batches)

    def _resolved(self, listener: Listener) -> tuple[GenerativeBase, dict[str, Any]]:
        """Find the base, and give what the report says of what it learned before; a special case teaches it first."""
        return resolve_generative_base(self.base), {}

    def _task_of(self, pairs: TextPairs) -> Generation:
        found = Generation.from_texts(pairs)
        if self.kind != "auto":
            found = Generation(self.kind, "stated", found.language, is_dialogue=found.is_dialogue)
        if found.kind == "translation" and self._constraint is not None:
            raise SettingsError([NOT_OF_PIECES], origin="The settings")
        return found

    def _encoding(self, pairs: TextPairs) -> Encoding:
        return build_encoding(
            self.base_,
            pairs,
            kind=self.task_.kind,
            language=self.task_.language,
            instruction=self.instruction,
            context=self.context,
            max_new_tokens=self.max_new_tokens,
            constraint=self._constraint,
            n_before=n_places(self._adaptation),
        )

    @property
    def _constraint(self) -> dict[str, Any] | None:
        return read_constraint(self.choices, self.json_schema)

    @property
    def _adaptation(self) -> AdaptationName:
        name = parse_adaptation(self.adaptation)
        has_rank = ":" not in self.adaptation and name.kind in ("lora", "adalora")
        return AdaptationName(name.kind, self.rank) if has_rank else name

    def _prepared(self, parts: list[GenerationRows], n_steps: int) -> PreparedWriter:
        return prepare_writer(
            self.base_,
            self._adaptation,
            parts,
            upper_layers=self.upper_layers,
            n_steps=n_steps,
            random_state=self.random_state,
        )

    def _decoding(self, max_new_tokens: int, no_repeat_ngram: int) -> DecodingSettings:
        return DecodingSettings(
            max_new_tokens=max_new_tokens if self.max_new_tokens is None else self.max_new_tokens,
            beams=self.beams,
            temperature=self.temperature,
            top_p=self.top_p,
            no_repeat_ngram=no_repeat_ngram if self.no_repeat_ngram is None else self.no_repeat_ngram,
            seed=self.random_state,
            top_k=self.top_k,
            min_p=self.min_p,
            repetition_penalty=self.repetition_penalty,
            min_new_tokens=self.min_new_tokens,
            length_penalty=self.length_penalty,
            early_stopping=self.early_stopping,
            constraint=self._encoding_.constraint,
        )

    def _finish(self, model: Any, encoding: Encoding) -> None:
        # All weights were trained in float32; they answer as they will out of the folder.
        self._encoding_ = encoding
        model = model.to(working_dtype(self.base_)).eval()
        model.set_attn_implementation(answering_attention(model))
        begin_as_trained(model, self._checked_rows[1][0])
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

    def _note(self, rows: GenerationRows, outcome: Outcome, counts: dict[str, Any]) -> None:
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
