"""From a path to a bundle that answers, verified before anything in it is loaded."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metier.bundles.manifest import MANIFEST_FILE, Manifest, read_manifest
from metier.bundles.sealing import verify as verify_seal
from metier.errors import BundleError, CallError, suggest
from metier.predictors.answers import AnswerBatch, Predictor
from metier.predictors.loading import SETTINGS_FILE, load_predictor
from metier.tasks.inputs import check_items, input_of


@dataclass(frozen=True)
class Bundle:
    """A sealed predictor, ready to answer. Safe to share between threads.

    Parameters
    ----------
    folder : Path
    manifest : Manifest
        What it is, what it was trained on, how good and how quick it was measured.
    predictor : Predictor
    """

    folder: Path
    manifest: Manifest
    predictor: Predictor

    @property
    def name(self) -> str:
        """Versioned name of the method that answers."""
        return self.manifest.name

    @property
    def labels(self) -> tuple[str, ...]:
        """The label space, in the order of the probabilities."""
        return self.predictor.labels

    @property
    def input_keys(self) -> tuple[str, ...]:
        """What a question consists of; `("text",)` where it is one text."""
        return self.manifest.task.input_keys

    def predict(self, items: Sequence[Any]) -> AnswerBatch:
        """Answer texts, or objects with the keys of `input_keys`.

        Raises
        ------
        TypeError
            If this is one item instead of a list, or something in the list is of another shape.
        """
        return self.predictor.predict(check_items(items, input_of(self.input_keys)))

    @property
    def can_stream(self) -> bool:
        """Whether an answer can be given piece by piece, as it is written."""
        return hasattr(self.predictor, "stream")

    def stream(self, item: Any) -> Iterator[str]:
        """Give the answer to one item piece by piece; closing the iterator ends the writing.

        Raises
        ------
        TypeError
            If the item is of another shape than the task asks for.
        CallError
            If this bundle has its answers at once.
        """
        [asked] = check_items([item], input_of(self.input_keys))
        stream = getattr(self.predictor, "stream", None)
        if stream is None:
            raise CallError(
                f"{self.name} has its answer at once and not piece by piece. Ask without streaming; only models "
                "that write stream, such as generator.v1."
            )
        pieces: Iterator[str] = stream(asked)
        return pieces

    def __repr__(self) -> str:
        return f"<Bundle {self.folder}: {self.name}, {self.manifest.task.name}>"


def load_bundle(path: str | Path, *, threads: int = 1, verify: bool = True) -> Bundle:
    """Load a bundle, or the best one of a run.

    Parameters
    ----------
    path : str or Path
        What `resolve_bundle` takes.
    threads : int, default=1
        For one call of `predict`, not for the process.
    verify : bool, default=True
        Whether every file is hashed and compared with the seal. Without it a changed file goes unnoticed;
        that no file can run code holds all the same, because no predictor loads such a file.

    Raises
    ------
    CallError
        If there is nothing at the path.
    BundleError
        If what is there is no bundle, was altered, or holds a file that could run code.
    """
    folder = resolve_bundle(path)
    manifest = verify_seal(folder) if verify else read_manifest(folder)
    return Bundle(folder, manifest, load_predictor(folder, threads=threads))


def resolve_bundle(path: str | Path) -> Path:
    """Find the bundle that a path means: itself, the best of a run, or a candidate of a run by its name.

    `runs/x` means `runs/x/best`; `runs/x/encoder.v1` means `runs/x/candidates/encoder.v1`.

    Raises
    ------
    CallError
        If there is nothing at the path; the nearest name is given.
    BundleError
        If what is there is neither a bundle nor a finished run.
    """
    path = Path(path)
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
        return (path / "best").resolve()
    raise BundleError(_what_else(path))


def _nearest(path: Path) -> str:
    """Name what is like the missing path, in the nearest folder above it that exists."""
    missing, above = path, path.parent
    while not above.exists() and above != above.parent:
        missing, above = above, above.parent
    inside = [above, above / "candidates"]
    known = {one.name: one for place in inside if place.is_dir() for one in place.iterdir() if one.is_dir()}
    hint = suggest(missing.name, known)
    for name, place in known.items():
        hint = hint.replace(repr(name), repr(str(place)))
    return hint


def _what_else(path: Path) -> str:
    if (path / "candidates").is_dir():
        done = sorted(one.parent.name for one in (path / "candidates").glob(f"*/{MANIFEST_FILE}"))
        candidates = f" Sealed so far: {', '.join(done)}." if done else ""
        return f"The run {path} is not finished.{candidates} Go on with it: metier train --resume {path}"
    if path.is_file():
        return f"{path} is a file. Give the folder of a run (runs/…) or of a bundle."
    return f"{path} is neither a bundle (it has no {MANIFEST_FILE}) nor a run. Give what `metier train` wrote."
