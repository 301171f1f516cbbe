"""`manifest.json` of a bundle, typed and versioned."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError, field_validator

from metier.errors import BundleError
from metier.regular_files import read_regular
from metier.tasks.answers import ANSWERS, AnswerKind
from metier.tasks.inputs import InputKind, input_of
from metier.tasks.task import TaskRecord
from metier.tasks.task_table import known_task, task_name

MANIFEST_FILE = "manifest.json"
FORMAT_VERSION = 1


class TaskFacts(BaseModel, frozen=True, extra="ignore"):
    """What is predicted."""

    name: str = Field(description="`classification`.")
    answer: str | None = Field(default=None, description="Kind of its answers; None: that of the task's row.")
    labels: tuple[str, ...] = Field(description="The label space, in the order of the probabilities.")
    primary_metric: str = "accuracy"
    input_keys: tuple[str, ...] = Field(default=("text",), description="Keys of an input.")
    kind: str = Field(default="", description="Of written texts: summary, translation, reply, ...")

    @field_validator("name")
    @classmethod
    def _by_its_name(cls, name: str) -> str:
        """Give the task its name where an old bundle has its old one."""
        return task_name(name)

    @property
    def input_kind(self) -> InputKind:
        """The form of its questions."""
        return input_of(self.input_keys)

    def record(self, roles: Iterable[str]) -> TaskRecord:
        """Give what the task is restored from; `roles` are those of the training rows."""
        return TaskRecord(self.labels, self.primary_metric, self.input_keys, tuple(roles), self.kind)

    @property
    def answer_kind(self) -> AnswerKind:
        """The form of its answers; raises `UnknownNameError` where neither the manifest nor the task table has it."""
        return ANSWERS[self.answer or known_task(self.name).answer]


class PredictorFacts(BaseModel, frozen=True, extra="ignore"):
    """The predictor."""

    kind: str = Field(description="Versioned kind, as in `predictor.json`.")
    name: str = Field(description="Versioned name of the method that exported it.")


class DataFacts(BaseModel, frozen=True, extra="ignore"):
    """The training data."""

    fingerprint: str = Field(description="SHA-256 over the training texts and labels, in order.")
    origin: str = Field(description="Source of the rows: a file name.")
    rows: dict[str, int] = Field(description="Rows of each split: train, validation, test.")
    trained_on: str = Field(
        default="train", description="`train`, `40 % of train`, or `train + validation` after a refit."
    )
    roles: dict[str, str] = Field(
        default={}, description="The columns of inputs, targets and groups in the training rows, by their role."
    )
    language: str | None = Field(default=None, description="Main language of the texts: en, zh or other.")
    language_shares: dict[str, float] = Field(
        default={}, description="Share of the texts of each language, 0 to 1; empty: not known."
    )

    @property
    def has_chinese(self) -> bool:
        """Whether some of the texts are Chinese."""
        return self.language == "zh" or self.language_shares.get("zh", 0) > 0


class SpeechFacts(BaseModel, frozen=True, extra="ignore"):
    """The speech model whose transcripts a model was trained on, and which hears what it is asked."""

    name: str = Field(description="Its name, or the folder that it was in.")
    sha256: str = Field(description="Of its weights.")
    languages: tuple[str, ...] = Field(default=("*",), description="What it hears; `*` for many.")
    language: str | None = Field(default=None, description="What it was told is spoken; None: it found out.")
    beside: str | None = Field(
        default=None, description="The column of the texts before what was heard; None: recordings alone."
    )


class Latency(BaseModel, frozen=True, extra="ignore"):
    """Wall time of one answer to one text, in milliseconds."""

    p50: float
    p95: float
    mean: float | None = None


class MeasuredFacts(BaseModel, frozen=True, extra="ignore"):
    """Measured cost of an answer, and the machine."""

    latency_ms: Latency
    rows_per_second: float
    size_bytes: int = Field(description="Size of the files that are read for prediction.")
    threads: int = 1
    cpu: str = ""
    instruction_sets: tuple[str, ...] = ()


class FileFacts(BaseModel, frozen=True, extra="ignore"):
    """One sealed file."""

    sha256: str
    size_bytes: int


class PartFacts(BaseModel, frozen=True, extra="ignore"):
    """One of several tasks that a bundle answers."""

    name: str = Field(description="As `--task` has it: `classification:intent`.")
    task: TaskFacts
    data: DataFacts
    metrics: dict[str, dict[str, Any]] = Field(
        default={}, description="By split, then by metric: {value, low, high}, or a number."
    )


class ManifestFacts(BaseModel, frozen=True, extra="forbid"):
    """Facts about a bundle that are not in its files; the input of `seal`."""

    name: str = Field(description="The versioned name of its method.")
    task: TaskFacts
    method: str = Field(description="Versioned name in the catalogue.")
    method_params: dict[str, Any] = Field(default={}, description="Parameters chosen during fitting.")
    predictor: PredictorFacts
    calibration: dict[str, Any] = Field(
        default={}, description="Temperatures, weights, thresholds and certificates."
    )
    base: dict[str, Any] | None = Field(default=None, description="The pretrained model.")
    adaptation: str | None = Field(default=None, description="How the weights of the base were changed.")
    speech: SpeechFacts | None = Field(
        default=None, description="What turns recordings into the texts that are read; None: texts are given."
    )
    data: DataFacts
    seeds: dict[str, int] = Field(default={}, description="Seeds, by purpose.")
    packages: dict[str, str] = Field(default={}, description="Versions of the packages that made it.")
    measured: MeasuredFacts | None = None
    metrics: dict[str, dict[str, Any]] = Field(
        default={}, description="By split, then by metric: {value, low, high}, or a number."
    )
    compression: dict[str, Any] | None = Field(
        default=None,
        description="Where it was made smaller: what it was made from, how, and the tests that it passed.",
    )
    update: dict[str, Any] | None = Field(
        default=None,
        description="Where it learned further rows: from which bundle, how, and what it knew before and after.",
    )
    mask: Literal["input", "log", "off"] | None = Field(
        default=None,
        description="Policy for personal data where it is served: masked before the model, in logs alone, or nowhere; "
        "None: whoever serves it decides.",
    )
    parts: tuple[PartFacts, ...] = Field(
        default=(), description="Where several tasks are answered: each of them, with its own data and metrics."
    )


class Manifest(ManifestFacts, frozen=True, extra="ignore"):
    """Content of `manifest.json`."""

    format_version: int = FORMAT_VERSION
    created: datetime = Field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))
    files: dict[str, FileFacts] = Field(description="Every other file, by its path in the bundle.")
    gate: dict[str, Any] | None = Field(
        default=None,
        description="What the release gate said of these files, with its policy; None: not judged.",
    )


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a bundle.

    Raises
    ------
    BundleError
        If it is missing or broken, or written by a later release.
    """
    path = folder / MANIFEST_FILE
    try:
        facts = json.loads(read_regular(path))
        found = facts.get("format_version") if isinstance(facts, dict) else None
        if isinstance(found, int) and found > FORMAT_VERSION:
            raise BundleError(
                f"{folder} is a bundle of format {found}; this release reads up to format {FORMAT_VERSION}. "
                "Install a newer metier."
            )
        return Manifest.model_validate(facts)
    except FileNotFoundError:
        raise BundleError(
            f"{folder} has no {MANIFEST_FILE}, so it is not a sealed bundle. "
            "Give a run or a bundle that `metier train` wrote."
        ) from None
    except BundleError:
        raise
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:5])
        raise BundleError(
            f"{path} is not a manifest ({faults}). Get the bundle from its source again."
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise BundleError(f"{path} is not JSON ({error}). Get the bundle from its source again.") from None
