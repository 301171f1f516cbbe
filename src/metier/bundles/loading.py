"""Load a bundle from a path, verified before anything in it is loaded."""

import functools
import pkgutil
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from metier.arguments import check_whole, path_of
from metier.bundles.hearing import transcriber_of
from metier.bundles.manifest import (
    MANIFEST_FILE,
    Manifest,
    MeasuredFacts,
    PartFacts,
    TaskFacts,
    read_manifest,
)
from metier.bundles.safety import check_files
from metier.bundles.sealing import verify as verify_seal
from metier.errors import BundleError, CallError, MetierError, UnknownNameError, UnsafeFileError, suggest
from metier.predictors.loading import (
    SCOPE_FILE,
    SCOPE_LOADER,
    SETTINGS_FILE,
    HasParts,
    Predictor,
    load_predictor,
)
from metier.speech.decoding import MOST_SECONDS
from metier.speech.recording import Recording
from metier.speech.transcriber import Transcriber
from metier.tasks.answer_batches import AnswerBatch
from metier.tasks.answers import AnswerKind
from metier.tasks.inputs import InputKind, check_items
from metier.tasks.inputs.audio import MOST_SECONDS_SENT
from metier.tasks.inputs.spoken import Spoken, or_spoken
from metier.tasks.task import Streams

BUNDLE_PATH = "the path of a run (runs/…) or of a bundle"


class Scope(Protocol):
    """A rule that says of questions whether any label fits."""

    def answer(self, predictor: Predictor, items: Sequence[Any]) -> AnswerBatch:
        """Answer questions by the predictor that the rule was fitted to, and say which are out of scope."""
        ...


@dataclass(frozen=True)
class Bundle:
    """A sealed predictor, ready to answer. Safe to share between threads.

    Parameters
    ----------
    folder : Path
    manifest : Manifest
        Task, data, metrics and measured cost.
    predictor : Predictor
    threads : int, default=1
        Of a speech model, where recordings are asked.
    scope : Scope, optional
        The rule of what is out of scope, where the bundle carries one.
    """

    folder: Path
    manifest: Manifest
    predictor: Predictor
    threads: int = 1
    scope: Scope | None = None

    @property
    def name(self) -> str:
        """Versioned name of the method that answers."""
        return self.manifest.name

    @property
    def task(self) -> TaskFacts:
        """What it predicts."""
        return self.manifest.task

    @property
    def roles(self) -> Mapping[str, str]:
        """The column of each role in its training rows."""
        return self.manifest.data.roles

    @property
    def tested(self) -> Mapping[str, Any]:
        """The figures of the test rows of its run, by metric."""
        return self.manifest.metrics.get("test") or {}

    @property
    def measured(self) -> MeasuredFacts | None:
        """What an answer of it costs."""
        return self.manifest.measured

    @property
    def fingerprint(self) -> str | None:
        """That of its training rows."""
        return self.manifest.data.fingerprint

    @property
    def labels(self) -> tuple[str, ...]:
        """The label space, in the order of the probabilities."""
        return self.predictor.labels

    @property
    def input_keys(self) -> tuple[str, ...]:
        """The keys of an input; `("text",)` for a single text."""
        return self.manifest.task.input_keys

    @property
    def input_kind(self) -> InputKind:
        """The form of its questions; trained on recordings, it takes them in place of texts or beside them."""
        kind = self.manifest.task.input_kind
        speech = self.manifest.speech
        return kind if speech is None else or_spoken(kind, joins=speech.beside is not None)

    @property
    def answer_kind(self) -> AnswerKind:
        """The form of its answers."""
        return self.manifest.task.answer_kind

    @property
    def parts(self) -> dict[str, "Bundle"]:
        """Where several tasks are answered, what answers each of them alone; empty of one, and of a bundle from before."""
        predictor = self.predictor
        if not isinstance(predictor, HasParts):
            return {}
        return {one.name: self._part(one, predictor.parts[one.name]) for one in self.manifest.parts}

    def _part(self, facts: PartFacts, predictor: Predictor) -> "Bundle":
        own = {"task": facts.task, "data": facts.data, "metrics": facts.metrics, "parts": ()}
        return replace(self, manifest=self.manifest.model_copy(update=own), predictor=predictor)

    def predict(self, items: Sequence[Any]) -> AnswerBatch:
        """Answer texts, or objects with the keys of `input_keys`.

        Raises
        ------
        WrongTypeError
            If this is one item instead of a list, or something in the list is of another shape.
        """
        return self.answered(self.heard(check_items(items, self.input_kind)))

    def answered(self, asked: list[Any]) -> AnswerBatch:
        """Answer questions that were checked and heard."""
        return self.predictor.predict(asked) if self.scope is None else self.scope.answer(self.predictor, asked)

    @functools.cached_property
    def transcriber(self) -> Transcriber | None:
        """What turns recordings into text; None where the model was trained on texts."""
        return (
            None if self.manifest.speech is None else transcriber_of(self.manifest.speech, threads=self.threads)
        )

    def heard(self, items: list[Any]) -> list[Any]:
        """Give questions as the predictor takes them, with the text of what is spoken; raises as `transcribe` does."""
        kind, transcriber = self.input_kind, self.transcriber
        if transcriber is None or not isinstance(kind, Spoken):
            return items

        def hear(recording: Recording) -> str:
            is_sent = isinstance(recording.source, bytes)
            most = MOST_SECONDS_SENT if is_sent else MOST_SECONDS
            return transcriber.transcribe(recording, most_seconds=most).text

        return kind.heard(items, hear)

    @property
    def can_stream(self) -> bool:
        """Whether answers can be streamed."""
        return isinstance(self.predictor, Streams)

    def stream(self, item: Any) -> Generator[str]:
        """Stream the answer to one item; closing it stops generation.

        Raises
        ------
        WrongTypeError
            If the item does not have the shape of the task.
        CallError
            If this bundle cannot stream.
        """
        [checked] = self.heard(check_items([item], self.input_kind))
        if not isinstance(self.predictor, Streams):
            raise CallError(
                f"{self.name} cannot stream its answers. Ask without streaming; only models "
                "that generate text can stream, such as generator.v1."
            )
        return self.predictor.stream(checked)

    def __repr__(self) -> str:
        return f"<Bundle {self.folder}: {self.name}, {self.manifest.task.name}>"


def load_bundle(path: str | Path, *, threads: int = 1, verify: bool = True) -> Bundle:
    """Load a bundle, or the best one of a run.

    Parameters
    ----------
    path : str or Path
        As in `resolve_bundle`.
    threads : int, default=1
        Threads of one call of `predict`.
    verify : bool, default=True
        Whether every file is hashed and compared with the seal. Without it a changed file is not detected; files
        that could run code are still never loaded.

    Raises
    ------
    CallError
        If the path does not exist, or an argument is of another type.
    BundleError
        If it is not a bundle, was altered, or contains a file that could run code.
    """
    check_whole(threads, "threads", least=1)
    folder = resolve_bundle(path)
    if not verify:
        check_files(folder)
    manifest = verify_seal(folder) if verify else read_manifest(folder)
    _check_task(folder, manifest)
    predictor = load_predictor(folder, threads=threads)
    return Bundle(folder, manifest, predictor, threads, _scope_of(folder, predictor))


def _scope_of(folder: Path, predictor: Predictor) -> Scope | None:
    """Give the rule of what is out of scope that lies in a folder; None where none does."""
    if not (folder / SCOPE_FILE).exists():
        return None
    rule: Scope = pkgutil.resolve_name(SCOPE_LOADER)(folder, predictor)
    return rule


def _check_task(folder: Path, manifest: Manifest) -> None:
    """Refuse a manifest whose task this version cannot ask about or answer."""
    try:
        _ = manifest.task.input_kind, manifest.task.answer_kind
    except (KeyError, ValueError) as error:
        found = str(error) if isinstance(error, MetierError) else f"{type(error).__name__}: {error}"
        raise BundleError(
            f"{folder / MANIFEST_FILE} names a task that this release does not know ({found}). "
            "Install a newer metier, or get the bundle from its source again."
        ) from error


def resolve_bundle(path: str | Path) -> Path:
    """Find the bundle of a path: the path itself, the best of a run, or a candidate of a run by name.

    `runs/x` means `runs/x/best`; `runs/x/encoder.v1` means `runs/x/candidates/encoder.v1`.

    Raises
    ------
    CallError
        If the path does not exist; the nearest name is suggested.
    BundleError
        If it is neither a bundle nor a finished run.
    """
    path = path_of(path, "The bundle", expected=BUNDLE_PATH)
    named = path.parent / "candidates" / path.name
    if not path.exists() and named.is_dir():
        path = named
    if path.is_file() and path.name in (MANIFEST_FILE, SETTINGS_FILE):
        path = path.parent
    if not path.exists():
        raise CallError(f"There is nothing at {path}.{_nearest(path)} Give a run (runs/…) or a bundle.")
    if (path / MANIFEST_FILE).is_file() or (path / SETTINGS_FILE).is_file():
        return path.resolve()
    if (path / "best").is_dir():
        return _best_of(path)
    raise BundleError(_what_else(path))


def _best_of(run: Path) -> Path:
    best = (run / "best").resolve()
    if not best.is_relative_to(run.resolve()):
        raise UnsafeFileError(
            f"{run / 'best'} leads out of its run, to {best}. Give that folder itself if you trust it."
        )
    return best


def resolve_candidate(run: str | Path, name: str) -> Path:
    """Find the bundle of a candidate of a run by its name; without a version its newest.

    Raises
    ------
    CallError
        If there is no run at the path, or no such candidate in it.
    """
    folder = path_of(run, "The run", expected=BUNDLE_PATH) / "candidates"
    if not folder.is_dir():
        raise CallError(
            f"{run} is not a run, so it has no candidate {name!r}. Give a run, or name the model itself."
        )
    names = sorted(one.parent.name for one in folder.glob(f"*/{MANIFEST_FILE}"))
    versions = [one for one in names if name in (one, one.rpartition(".v")[0])]
    if not versions:
        raise UnknownNameError("candidate", name, known=names)
    return (folder / max(versions, key=lambda one: (len(one), one))).resolve()


def _nearest(path: Path) -> str:
    """Suggest a name similar to the missing one in the nearest existing parent folder."""
    missing, above = path, path.parent
    while not above.exists() and above != above.parent:
        missing, above = above, above.parent
    inside = [above, above / "candidates"]
    known = {one.name: one for parent in inside if parent.is_dir() for one in parent.iterdir() if one.is_dir()}
    hint = suggest(missing.name, known)
    for name, found in known.items():
        hint = hint.replace(repr(name), repr(str(found)))
    return hint


def _what_else(path: Path) -> str:
    if (path / "candidates").is_dir():
        done = sorted(one.parent.name for one in (path / "candidates").glob(f"*/{MANIFEST_FILE}"))
        candidates = f" Sealed so far: {', '.join(done)}." if done else ""
        return f"The run {path} is not finished.{candidates} Resume it: metier train --resume {path}"
    if path.is_file():
        return f"{path} is a file. Give the folder of a run (runs/…) or of a bundle."
    return f"{path} is neither a bundle (it has no {MANIFEST_FILE}) nor a run. Give what `metier train` wrote."
