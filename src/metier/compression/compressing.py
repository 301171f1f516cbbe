"""Make a bundle smaller or faster, and prove that it stayed as good."""

import hashlib
import json
import shutil
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from metier.arguments import check_whole
from metier.bundles import Bundle, load_bundle
from metier.bundles.manifest import MANIFEST_FILE
from metier.compression.command_defaults import MARGIN
from metier.compression.derived_bundle import write_bundle
from metier.compression.inside import with_weights
from metier.compression.judgement import check_enough
from metier.compression.materials import Materials
from metier.compression.plan import MOST_POINTS, planned
from metier.compression.points import Point, Workshop, served_bytes
from metier.compression.rows import CompressionRows, read_rows
from metier.compression.search import Found, Target, search
from metier.compression.techniques import parse_chain, trains, written
from metier.errors import CallError
from metier.file_locks import held
from metier.predictors.loading import load_predictor
from metier.progress import Listener, ignore
from metier.runs.run_folder import plain
from metier.runs.stored_answers import keep
from metier.selection.scores import scores_of
from metier.storage import write_whole

FORMAT = "metier.compression.v1"


@dataclass(frozen=True)
class Compressed:
    """What came of a compression.

    Parameters
    ----------
    facts : dict
        `source`, `points` (each with its judgement, time and size, or why it was refused), `chosen`, `nearest`,
        `target`, `test`, `output`, `notes`.
    points : list of Point
    chosen : Point or None
    """

    facts: dict[str, Any]
    points: list[Point]
    chosen: Point | None

    @property
    def is_written(self) -> bool:
        """Whether a bundle was written."""
        return self.chosen is not None


def compress(
    bundle: Bundle | str | Path,
    data: Any,
    *,
    output: str | Path | None = None,
    validation: Any = None,
    test: Any = None,
    unlabelled: Any = None,
    target: str | None = None,
    chains: Sequence[str] = (),
    margin: float = MARGIN,
    epochs: int = 2,
    budget_seconds: float = 1800.0,
    threads: int = 1,
    refit: bool = False,
    overwrite: bool = False,
    listener: Listener = ignore,
    **how: Any,
) -> Compressed:
    """Try chains of techniques on a bundle and write the best that is shown to be as good.

    Parameters
    ----------
    bundle : Bundle or path
        A bundle, or a run (its recommended candidate).
    data : path or rows
        The rows that it was trained on, labelled.
    output : path, optional
        Folder of the new bundle; None: beside the old one, `-compressed` behind its name.
    validation : path or rows, optional
        Rows that the bundle never learned from; None: held out of `data` as its run held them out.
    test : path or rows, optional
        Read once, at the end, for the bundle that is written.
    unlabelled : path or rows, optional
        Texts that the bundle answers for its students.
    target : str, optional
        `latency_ms=0.5` or `size_mb=10`; None: the fastest of all that are tried.
    chains : sequence of str
        What to try, as `layers:4+int8`; empty: what fits the bundle, the cheapest first, at most eight.
    margin : float
        Loss of the metric that the tests have to rule out, as a fraction.
    epochs : int
        Of recovery and of distillation.
    refit : bool
        Whether what is written learns from the validation rows as well, in the end, with the choices that were made and
        judged before; techniques that train alone gain by it.
    budget_seconds : float
        No further chain is begun that would take longer than is left.

    Raises
    ------
    CompressionError
        If nothing of the bundle can be made smaller, or the rows cannot show that it stayed as good.
    DataError, CallError
        As `metier evaluate`.
    """
    check_whole(epochs, "epochs", least=1)
    wanted = None if target is None else Target.parse(target)
    named = [parse_chain(one) for one in chains]
    model = bundle if isinstance(bundle, Bundle) else load_bundle(bundle, threads=threads)
    place = _output(model, output, overwrite=overwrite)
    rows = read_rows(
        model, data, validation=validation, test=test, unlabelled=unlabelled, listener=listener, **how
    )
    check_enough(len(rows.validation), margin)
    work = place.with_name(f".{place.name}.work-{_digest(model, rows, margin, epochs)}")
    with _held(work):
        shop = _workshop(model, rows, work, margin=margin, epochs=epochs, threads=threads, listener=listener)
        tried = (named or planned(shop.source, wanted.name if wanted else None))[:MOST_POINTS]
        found = search(shop, tried, wanted, seconds=budget_seconds)
        tested = {} if found.chosen is None else _write(model, shop, found.chosen, place, rows, refit=refit)
    if found.chosen is not None:
        shutil.rmtree(work, ignore_errors=True)
    output_of = place if found.chosen is not None else None
    facts = _facts(model, rows, found, target=wanted, tested=tested, output=output_of)
    return Compressed(facts, found.points, found.chosen)


def _held(work: Path) -> AbstractContextManager[Any]:
    work.mkdir(parents=True, exist_ok=True)
    return held(work / "lock", what=work)


def _output(model: Bundle, output: str | Path | None, *, overwrite: bool) -> Path:
    folder = model.folder
    place = Path(output) if output is not None else folder.with_name(f"{folder.name}-compressed")
    if place.resolve() == folder.resolve():
        raise CallError(f"--output would replace {place}, the bundle that is compressed. Name another folder.")
    if place.exists() and not overwrite:
        raise CallError(
            f"There is something at {place} already. Name another folder, or replace it with --overwrite."
        )
    if place.exists() and not (place / MANIFEST_FILE).is_file():
        raise CallError(f"{place} is not a bundle, so it is not replaced. Name another folder.")
    return place


def _digest(model: Bundle, rows: CompressionRows, margin: float, epochs: int) -> str:
    """Give what tells this compression from others: what was done for another one is not gone on with."""
    files = {name: file.sha256 for name, file in model.manifest.files.items()}
    parts = [files, rows.fingerprints, list(rows.unlabelled), margin, epochs]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]


def _workshop(
    model: Bundle,
    rows: CompressionRows,
    work: Path,
    *,
    margin: float,
    epochs: int,
    threads: int,
    listener: Listener,
) -> Workshop:
    scratch = work / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    materials = Materials(
        rows.items(rows.train),
        rows.items(rows.choosing),
        rows.items(rows.validation),
        teacher=work / "source",
        scratch=scratch,
        input=model.input_kind,
        answer=model.answer_kind,
        labels=model.labels,
        unlabelled=rows.unlabelled,
        epochs=epochs,
        random_state=model.manifest.seeds.get("random_state", 0),
        threads=threads,
        listener=listener,
    )
    if not (work / "source").is_dir():
        with write_whole(work / "source") as partial:
            with_weights(model.folder, partial)
    return Workshop(work, materials, rows.scores, margin)


def _write(
    model: Bundle, shop: Workshop, chosen: Point, place: Path, rows: CompressionRows, *, refit: bool
) -> dict[str, Any]:
    """Read the test rows once, and write the bundle; gives the figures of both models on them."""
    tested: dict[str, Any] = {}
    files = shop.refit(chosen) if refit and trains(chosen.chain) else shop.place(chosen.chain)
    if rows.test is not None:
        items, scores = rows.items(rows.test.rows).items, rows.test.scores
        for name, folder in (("before", shop.source), ("after", files)):
            answers = load_predictor(folder, threads=shop.materials.threads).predict(items)
            tested[name] = scores_of(scores, keep(answers, rows.test.task.labels), random_state=0)
    write_bundle(
        model,
        files,
        chosen,
        place,
        shop.materials,
        test=tested.get("after", {}),
        judged=shop.place(chosen.chain),
    )
    return tested


def _facts(
    model: Bundle,
    rows: CompressionRows,
    found: Found,
    *,
    target: Target | None,
    tested: dict[str, Any],
    output: Path | None,
) -> dict[str, Any]:
    facts = {
        "format": FORMAT,
        "source": {"name": model.name, "folder": str(model.folder), "size_bytes": served_bytes(model.folder)},
        "rows": {
            "train": len(rows.train),
            "choosing": len(rows.choosing),
            "validation": len(rows.validation),
            "test": 0 if rows.test is None else len(rows.test.rows),
            "unlabelled": len(rows.unlabelled),
        },
        "metric": rows.task.primary_metric,
        "target": None if target is None else asdict(target),
        "points": [{"name": one.name, **asdict(one)} for one in found.points],
        "chosen": None if found.chosen is None else found.chosen.name,
        "nearest": None if found.nearest is None else found.nearest.name,
        "left_out": [written(one) for one in found.left_out],
        "test": tested,
        "output": None if output is None else str(output),
        "notes": list(rows.notes),
    }
    plain_facts: dict[str, Any] = plain(facts)
    return plain_facts
