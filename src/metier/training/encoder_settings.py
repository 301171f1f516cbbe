"""The settings of every method that fine-tunes an encoder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, SkipValidation

from metier.bases.adaptation import check_fits, faults_of, parse_adaptation
from metier.bases.base import Base
from metier.bases.known_bases import resolve_base
from metier.tasks.answers.decoder_settings import TEMPERATURE
from metier.tasks.method_settings import MethodSettings
from metier.training.learning_rate import SCHEDULE, ScheduleName
from metier.training.loop import LoopSettings
from metier.training.objectives.composition import objective_faults
from metier.training.objectives.learning import LABELS, Learning
from metier.training.optimizer_names import OPTIMIZER, OptimizerName

Precision = Literal["auto", "fp32", "int8"]
# Rows by the thousand: they are checked where they are read.
Unchecked = Annotated[Any, SkipValidation]

BASE = "A folder, a known short name, a hub name; `auto` picks by the language of the texts."
OBJECTIVE = (
    "Training objective: a loss and further terms, joined by `+`: `focal:2`, `r_drop:0.5`, `fgm:1`, `pgd:1:3`, "
    "`supcon:0.3`, `mixup:0.4`, `simcse:0.1`, `ewc:1`, as the task supports them; see "
    "`training.objectives.composition`. None: the plain loss of the task."
)
START_C = "Inverse strength of the penalty of the linear solution that the head starts from; None: chosen on validation."


class ScheduleSettings(MethodSettings):
    """How long and how fast a model learns."""

    adaptation: str = Field(
        "full",
        description="Which weights of the base train: `full`, `head`, `top:2`, `lora:8`, `adalora:8`, `prefix:16`, "
        "`prompt:16`, `adapter:48`, `bitfit` or `ia3`; see `bases.adaptation`.",
    )
    epochs: int = Field(3, ge=1, description="Length of the learning-rate schedule.")
    stop_epoch: int | None = Field(
        None,
        ge=1,
        description="Stop after this epoch of the schedule and keep its weights; None: the epoch that is "
        "best on validation.",
    )
    learning_rate: float | None = Field(
        None,
        gt=0,
        description="Peak learning rate of the head and the uppermost layer; None: by the number of steps, see "
        "`training.learning_rate`. An adaptation multiplies it by its own factors.",
    )
    warmup_fraction: float = Field(
        0.06, ge=0, lt=1, description="Share of the steps in which the learning rate rises."
    )
    optimizer: OptimizerName = Field("adamw", description=OPTIMIZER)
    schedule: ScheduleName = Field("linear", description=SCHEDULE)
    weight_decay: float = Field(
        0.01, ge=0, description="Weight decay; not applied to norms, biases, embeddings and the head."
    )
    token_budget: int = Field(1024, ge=1, description="Tokens of a batch, padding included.")
    accumulate: int = Field(1, ge=1, description="Batches whose gradients are accumulated for one step.")
    clip: float = Field(1.0, gt=0, description="Largest norm of the gradient.")
    patience: int | None = Field(
        None,
        ge=1,
        description="Stop after this many epochs without improvement on validation; None: no early stopping.",
    )
    time_limit_minutes: float | None = Field(
        None,
        gt=0,
        description="Training time after which the learning rate has reached zero; None: train for all epochs.",
    )
    random_state: int = Field(0, description="Seed of everything random.")

    @classmethod
    def misfits(cls, values: Mapping[str, Any]) -> list[str]:
        """Say which values do not go with one another."""
        stop, epochs = values["stop_epoch"], values["epochs"]
        if isinstance(stop, int) and isinstance(epochs, int) and stop > epochs:
            return [f"stop_epoch is {stop}, expected at most epochs, {epochs}"]
        return []

    @property
    def batch_budget(self) -> int:
        """The most that a batch may hold, in what its rows count their lengths in."""
        return self.token_budget

    @property
    def of_loop(self) -> LoopSettings:
        """What of it concerns the loop."""
        limit = None if self.time_limit_minutes is None else self.time_limit_minutes * 60
        return LoopSettings(
            epochs=self.epochs,
            stop_epoch=self.stop_epoch,
            accumulate=self.accumulate,
            clip=self.clip,
            warmup_fraction=self.warmup_fraction,
            patience=self.patience,
            time_limit_seconds=limit,
            optimizer=self.optimizer,
            schedule=self.schedule,
        )


class TuningSettings(ScheduleSettings):
    """How long and how fast an encoder and its head learn."""

    layer_decay: float = Field(
        0.9, gt=0, le=1, description="Factor of the learning rate from each layer to the one below."
    )
    gradient_checkpointing: bool = Field(
        False,
        description="Whether activations are recomputed in the backward pass: less memory, a third more time.",
    )


class FineTunedSettings(TuningSettings):
    """What every method that fine-tunes an encoder can be set to."""

    has_head: ClassVar[bool] = True  # Whether a head trains with the encoder.

    base: Any = Field("auto", description=BASE)
    dropout: float = Field(0.0, ge=0, lt=1, description="Dropout of the encoder during training.")
    checkpoint_folder: str | Path | None = Field(
        None, description="Folder for checkpoints; training resumes from the last one found there."
    )
    precision: Precision = Field(
        "auto",
        description="Precision of the exported encoder; `auto`: INT8 where it passes the equivalence check and is faster.",
    )

    @classmethod
    def misfits(cls, values: Mapping[str, Any]) -> list[str]:
        """Say which values do not go with one another."""
        faults = faults_of(values["adaptation"])
        if not faults and not cls.has_head and parse_adaptation(values["adaptation"]).kind == "head":
            faults = ["adaptation is 'head', but this method has no trainable head. Use 'top:1' or 'lora:8'"]
        return super().misfits(values) + faults

    def resolve(self, *, language: str | None) -> Base:
        """Find the base, and refuse an adaptation that is too large for it; see `bases.known_bases.resolve_base`."""
        base = resolve_base(self.base, language=language)
        check_fits(self.adaptation, base)
        return base


class HeadSettings(FineTunedSettings):
    """What a method with a head that trains can be set to besides."""

    learning: ClassVar[Learning]

    objective: str | None = Field(None, description=OBJECTIVE)
    old_rows: Unchecked = Field(
        None,
        description="For `ewc`: the rows that the base was trained on before, as a file or as items; weights are held by "
        "their importance for these rows. Labels are not needed.",
    )

    @classmethod
    def misfits(cls, values: Mapping[str, Any]) -> list[str]:
        """Say which values do not go with one another."""
        return super().misfits(values) + objective_faults(values, cls.learning)


class SmoothedSettings(HeadSettings):
    """Settings of a loss that can spread a share of its target over all labels."""

    label_smoothing: float = Field(
        0.0, ge=0, lt=1, description="Label smoothing: share of the target that is spread over all labels."
    )


class LabelSettings(SmoothedSettings):
    """Settings of a method whose answers are one label."""

    learning = LABELS

    class_weights: Literal["balanced"] | None = Field(
        None, description="`balanced`: every label has the same total weight, however rare."
    )
    temperature: float | None = TEMPERATURE


class StartedSettings(HeadSettings):
    """Settings of a method whose head starts from the linear solution on the frozen base."""

    C: float | None = Field(None, gt=0, description=START_C)
