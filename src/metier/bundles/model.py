"""What answers questions and can be measured: a sealed bundle, or a model from elsewhere.

What measures a model (`evaluate`, `compare`, `explain`) asks for no more than this, so it takes both.
"""

import pkgutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from metier.arguments import path_of
from metier.bundles.adapted import AdaptedModel, adapt
from metier.bundles.loading import BUNDLE_PATH, load_bundle
from metier.bundles.manifest import MANIFEST_FILE, MeasuredFacts, TaskFacts
from metier.errors import MissingExtraError, UnsafeFileError
from metier.predictors.loading import SETTINGS_FILE, Predictor
from metier.speech.transcriber import Transcriber
from metier.tasks.answer_batches import AnswerBatch
from metier.tasks.answers import AnswerKind
from metier.tasks.inputs import InputKind

CONFIG_FILE = "config.json"  # Of a folder in Hugging Face layout.
CLASSIFIER = "metier.transformer.classifier_folder:ClassifierFolder"
PICKLES = frozenset({".pkl", ".pickle", ".joblib", ".p", ".dill", ".cloudpickle", ".sav", ".skops"})


@runtime_checkable
class Model(Protocol):
    """What answers the questions of one task."""

    @property
    def name(self) -> str:
        """What it is called in answers and reports."""
        ...

    @property
    def folder(self) -> Path | None:
        """Where its files are; None of a model that is in memory alone."""
        ...

    @property
    def task(self) -> TaskFacts:
        """What it predicts."""
        ...

    @property
    def roles(self) -> Mapping[str, str]:
        """The column of each role in its training rows; empty where that is not known."""
        ...

    @property
    def tested(self) -> Mapping[str, Any]:
        """The figures of the test rows of its run, by metric; empty where there are none."""
        ...

    @property
    def fingerprint(self) -> str | None:
        """That of its training rows; None where it is not known."""
        ...

    @property
    def measured(self) -> MeasuredFacts | None:
        """What an answer of it costs; None where that was not measured."""
        ...

    @property
    def predictor(self) -> Predictor | None:
        """What answers inside of a bundle, whose weights some explanations read; None of a model from elsewhere."""
        ...

    @property
    def input_keys(self) -> tuple[str, ...]:
        """The keys of an input; `("text",)` for a single text."""
        ...

    @property
    def labels(self) -> tuple[str, ...]:
        """The label space, in the order of the probabilities."""
        ...

    @property
    def input_kind(self) -> InputKind:
        """The form of its questions."""
        ...

    @property
    def answer_kind(self) -> AnswerKind:
        """The form of its answers."""
        ...

    @property
    def transcriber(self) -> Transcriber | None:
        """What turns recordings into text; None where texts are asked."""
        ...

    def predict(self, items: Sequence[Any]) -> AnswerBatch:
        """Answer questions of the form of `input_kind`."""
        ...


def load_model(path: str | Path, *, threads: int = 1) -> Model:
    """Load a bundle, the best of a run, or a classifier in a folder of Hugging Face layout.

    Parameters
    ----------
    path : str or Path
        As `load_bundle` takes it, or a folder with config.json, model.safetensors and a tokenizer, as
        `save_pretrained` of a sequence classifier writes them.
    threads : int, default=1
        Threads of one call of `predict`.

    Raises
    ------
    CallError
        If the path does not exist.
    BundleError
        If it is not a bundle, or was altered.
    UnsafeFileError
        If it is a pickle, or a folder whose weights are one: loading it would run code.
    BaseModelError
        If the folder holds no classifier that transformers knows.
    MissingExtraError
        If it is of Hugging Face layout, and torch is not installed.
    """
    where = path_of(path, "The model", expected=BUNDLE_PATH)
    if where.suffix.lower() in PICKLES:
        raise UnsafeFileError(
            f"{where} is a file that can run code when it is loaded (a pickle), so it is not loaded. Load it yourself, if "
            "you trust it, and hand it over in Python with metier.adapt(model, labels=...); or write its answers to a "
            "file."
        )
    if is_classifier_folder(where):
        return load_classifier(where, threads=threads)
    return load_bundle(where, threads=threads)


def is_classifier_folder(path: Path) -> bool:
    """Whether a folder is of Hugging Face layout, and no bundle."""
    is_ours = any((path / name).exists() for name in (MANIFEST_FILE, SETTINGS_FILE, "best"))
    return (path / CONFIG_FILE).is_file() and not is_ours


def load_classifier(folder: Path, *, threads: int = 1, task: str | None = None) -> AdaptedModel:
    """Load a sequence classifier from a folder of Hugging Face layout; raises what `load_model` does.

    Parameters
    ----------
    task : str, optional
        None: what its configuration says, one label or several or a number for a text.
    """
    if not any(folder.glob("*.safetensors")):
        pickled = next(iter(sorted(folder.glob("*.bin"))), None)
        found = "no model.safetensors" if pickled is None else f"its weights in {pickled.name}, a pickle"
        raise UnsafeFileError(
            f"{folder} has {found}; a pickle can run code when it is loaded, and only safetensors is read. Save the "
            "model again with a recent transformers: model.save_pretrained(folder)."
        )
    try:
        classifier = pkgutil.resolve_name(CLASSIFIER)
    except ModuleNotFoundError as error:
        raise MissingExtraError("A folder of Hugging Face layout", extra="train") from error
    loaded = classifier(folder, threads=threads)
    return adapt(
        loaded, task=task or loaded.task, labels=loaded.labels or None, name=folder.name, folder=folder
    )
