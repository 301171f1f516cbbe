"""A speech model tuned on a company's words."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import Field

from metier.bases.adaptation import faults_of
from metier.bases.adaptation.adaptation import Adapted
from metier.bases.speech_bases import load_speech_model, resolve_speech_base
from metier.multimodal.frozen_speech import BASE, LANGUAGE
from metier.multimodal.listening import Listening
from metier.multimodal.speech_cost import measure_speech
from metier.multimodal.speech_method import SpeechMethod, read_examples
from metier.multimodal.speech_model import SpeechModel, adapted_model
from metier.multimodal.speech_rows import SpeechRows
from metier.progress import Listener, ignore
from metier.tasks.method_contract import Capabilities, CostRank
from metier.tasks.method_settings import with_settings
from metier.training.answer_tuning import plan_of, tune_writer
from metier.training.encoder_settings import ScheduleSettings
from metier.training.loop import Outcome
from metier.training.training_cost import Cost

MERGEABLE = ("lora", "adalora", "ia3", "full", "bitfit")


class SpeechLoraSettings(ScheduleSettings):
    """What `SpeechLora` can be set to."""

    base: Any = Field("auto", description=BASE)
    language: str | None = Field(None, description=LANGUAGE)
    epochs: int = Field(6, ge=1, description="Epochs, the length of the schedule.")
    patience: int | None = Field(
        2, ge=1, description="Stop after this many epochs without improvement on validation; None: never."
    )
    adaptation: str = Field(
        "lora:8",
        description="Which weights train; low-rank matrices of this rank by default. It has to merge into the weights.",
    )
    part: Literal["all", "decoder"] = Field(
        "all", description="Where they train: in the whole model, or in the decoder alone."
    )
    learning_rate: float = Field(1e-3, gt=0, description="Peak learning rate.")
    checkpoint_folder: str | Path | None = Field(
        None, description="Folder for checkpoints; training resumes from the last one found there."
    )

    @classmethod
    def misfits(cls, values: Mapping[str, Any]) -> list[str]:
        """Say which values do not go with one another."""
        faults, adaptation = super().misfits(values), str(values["adaptation"])
        if adaptation.partition(":")[0] in MERGEABLE:
            return faults + faults_of(adaptation)
        return [
            *faults,
            f"adaptation is {adaptation!r}, which does not merge into the weights of a speech model. "
            f"Use 'lora:8', or one of {', '.join(MERGEABLE)}",
        ]


@with_settings(SpeechLoraSettings)
class SpeechLora(SpeechMethod):
    """Low-rank matrices [1]_ beside the weights of a Whisper [2]_, taught by teacher forcing, then merged into them.

    For words that the base does not know: products, medicines, people. It needs each word in some sentences, best by
    several voices; recordings over 30 seconds are left out. What it costs on other speech should be looked at: keep
    everyday sentences among the rows.

    Attributes
    ----------
    base_ : Base
    language_ : str
    chosen_params_ : dict
        What to set so that another fit needs no validation.
    facts_ : dict
        How training went.

    References
    ----------
    .. [1] Hu et al., "LoRA: low-rank adaptation of large language models", 2021, arXiv:2106.09685.
    .. [2] Radford et al., "Robust speech recognition via large-scale weak supervision", 2022, arXiv:2212.04356.
    """

    name = "speech_lora.v1"
    capabilities: ClassVar[Capabilities] = Capabilities(
        cost=CostRank.FINE_TUNED,
        baseline="frozen_speech.v1",
        needs_base=True,
        hears=True,
        takes_adaptation=True,
    )
    fewest_epochs = 1

    def fit(
        self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Tune the base on recordings and what is said in each.

        Parameters
        ----------
        X : sequence of paths, of bytes or of {"audio": ...}
        y : sequence of str
        validation : (items, transcripts), optional
            Epochs are compared on them by loss; without them the last weights stay.

        Raises
        ------
        SettingsError
            If settings cannot work, all faults at once.
        AudioError
            If a recording cannot be read.
        DataError
            If a row has no transcript, or all recordings are too long.
        """
        settings = SpeechLoraSettings.of(self)
        examples = read_examples(X, y)
        held = None if validation is None else read_examples(*validation, origin="the validation rows")
        listening = self._resolve()
        rows, n_longer = listening.rows(examples.items, examples.truth, listener=listener)
        held_rows = None
        if held is not None:
            held_rows, _ = listening.rows(
                held.items, held.truth, origin="the validation rows", listener=listener
            )
        model, adapted = self._model(self.epochs * len(plan_of(settings, rows)(0)) // self.accumulate)
        n_trained = sum(weight.numel() for weight in model.trained().values())
        outcome = tune_writer(
            settings,
            self.base_,
            model,
            rows,
            held_rows,
            adapted=adapted,
            learning_rate=self.learning_rate,
            listener=listener,
        )
        adapted.merge()
        self._set_model(model.whisper.eval())
        self._note(rows, outcome, {"rows_longer": n_longer, "weights_trained": n_trained})
        return self

    def measure(self, X: Any, y: Any, *, n_batches: int = 2) -> Cost:
        """Time a few real batches of these rows and say what an epoch costs here; nothing is learned."""
        SpeechLoraSettings.of(self)
        examples = read_examples(X, y)
        listening = self._resolve()
        self._set_model(load_speech_model(self.base_))
        before, seconds = self._time_answers(examples.items)
        cost = measure_speech(
            listening,
            examples,
            self._model(1)[0],
            token_budget=self.token_budget,
            n_batches=n_batches,
        )
        return replace(cost, seconds_fixed=before, seconds_per_answer=seconds)

    def _resolve(self) -> Listening:
        self.base_ = resolve_speech_base(self.base)
        listening = Listening(self.base_, language=self.language)
        self.language_ = listening.language
        return listening

    def _model(self, n_steps: int) -> tuple[SpeechModel, Adapted]:
        model = SpeechModel(load_speech_model(self.base_))
        adapted = adapted_model(
            model, self.adaptation, self.part, random_state=self.random_state, n_steps=n_steps
        )
        return model, adapted

    def _note(self, rows: SpeechRows, outcome: Outcome, counts: dict[str, int]) -> None:
        epochs = outcome.best_epoch if outcome.stopped_by == "clock" else self.epochs
        self.chosen_params_ = {
            "base": self.base_.name,
            "epochs": epochs,
            "stop_epoch": outcome.best_epoch,
        }
        self.facts_: dict[str, Any] = {
            "base": self.base_.name,
            "language": self.language_,
            "adaptation": self.adaptation,
            **counts,
            "speech_seconds": float(sum(one.shape[1] for one in rows.features) / 100),
            "learning_rate": self.learning_rate,
            "epochs": outcome.history,
            "best_epoch": outcome.best_epoch,
            "steps": outcome.steps,
            "stopped_by": outcome.stopped_by,
            "rows_per_second": outcome.rows / max(outcome.seconds, 1e-9),
        }
