"""Answer a file in parts that processes take, wherever they run: cut, answered, joined in their order.

The parts lie beside the output, on a file system that all workers share. A part is cut once, and an answered one is
renamed to its place when it is whole: a part that is asked for again after a worker died is written the same. So each
row has one answer, whatever dies, and a call with `--resume` asks about the other parts alone.
"""

import base64
import contextlib
import json
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa

from metier.bundles import Bundle
from metier.cli.answered_files import (
    BATCH_ROWS,
    FLAT,
    Kept,
    Tally,
    Wanted,
    facts_of,
    free_names,
    records_of,
    with_answers,
)
from metier.cli.console import ProgressLines
from metier.cli.pipes import WrittenAs, written_like
from metier.data.output_files import held_output, output_errors
from metier.data.reading import iterate
from metier.data.resumable_writing import join_parts
from metier.data.rows import Roles, Rows
from metier.data.trained_columns import with_columns
from metier.data.writing import form_builder, kind_of_file, plain_schema
from metier.errors import CallError
from metier.progress import Progress
from metier.storage import partial_file, partial_folder, parts_of, write_text

JOB_FILE = "job.json"
PART_ROWS = 4 * BATCH_ROWS
TRIED_ROWS = 64  # Answered here, for the columns of the output.


@dataclass(frozen=True)
class Job:
    """What a worker has to know.

    Parameters
    ----------
    bundle, folder, output : str
        Paths on the file system that all share.
    roles : dict
        The columns of the rows by their role.
    added : dict of str to str
        Names of the columns of answers.
    columns : str
        Schema of the output, in base64.
    """

    bundle: str
    folder: str
    output: str
    roles: dict[str, Any]
    added: dict[str, str]
    columns: str
    wanted: Wanted
    layout: WrittenAs

    def rows_of(self, part: int) -> Path:
        """Where the rows of a part lie."""
        return Path(self.folder) / f"rows-{part:06d}.arrow"

    def answered(self, part: int) -> Path:
        """Where the answered part lies once it is whole."""
        return Path(self.folder) / f"{part:06d}"

    def tally(self, part: int) -> Path:
        """Where the counts of an answered part lie."""
        return Path(self.folder) / f"{part:06d}.json"


def answer_part(model: Bundle, job: Job, part: int) -> int:
    """Answer the rows of a part into its file, whole or not at all; gives their number."""
    with pa.ipc.open_file(str(job.rows_of(part))) as file:
        rows = Rows(file.read_all(), Roles(**job.roles), origin=job.output, notes=())
    starts = range(0, len(rows), BATCH_ROWS)
    batches = [rows.take(range(start, min(start + BATCH_ROWS, len(rows)))) for start in starts]
    records = [one for batch in batches for one in records_of(model, batch, job.wanted, is_first=False)]
    output, tally = Path(job.output), Tally(added=job.added)
    nested = FLAT.isdisjoint(output.suffixes)
    table = with_answers(rows, records, job.added, model.answer_kind, keeps_nested=nested)
    tally.add(records)
    write_text(job.tally(part), json.dumps(tally.facts()))
    layout = job.layout
    build = form_builder(
        output, encoding=layout.encoding, delimiter=layout.delimiter, safe_cells=job.wanted.safe_csv
    )
    schema = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(job.columns)))
    with partial_file(job.answered(part)) as partial:
        form = build(partial, schema, part == 0)
        form.write(table)
        form.close()
    return len(rows)


# Answers the parts of a job that it is given; gives after some of them how many rows are answered.
Answer = Callable[[Job, Sequence[int]], Iterator[int]]


def answer_in_parts(
    model: Bundle,
    bundle: Path,
    source: Path,
    output: Path,
    *,
    columns: dict[str, Any],
    wanted: Wanted,
    kept: Kept,
    answer: Answer,
) -> dict[str, Any]:
    """Answer the rows of a file into another, part by part; gives the facts that `answer_file` gives.

    Raises
    ------
    CallError
        If what is there must stay, or was begun by another call.
    """
    begun, folder = time.perf_counter(), parts_of(output.with_name(f"{output.name}.ray"))
    with (
        held_output(output, overwrite=kept.overwrite or kept.resume),
        output_errors(output),
        ProgressLines() as said,
    ):
        found = _found(folder, output, kept)
        if found is None:
            _check_free(output, kept)
            _remove(folder, output)
            folder.mkdir()
            layout = written_like(source, output, encoding=columns["encoding"], delimiter=columns["delimiter"])
            job = Job(
                str(bundle.absolute()),
                str(folder.absolute()),
                str(output.absolute()),
                {},
                {},
                "",
                wanted,
                layout,
            )
            parts, job = _cut(model, job, _batches(model, source, columns))
            _write_job(folder, job, parts, kept.call)
        else:
            parts, job = found["parts"], _job_of(found, wanted)
        waiting = [part for part in range(len(parts)) if not job.answered(part).exists()]
        resumed = sum(parts) - sum(parts[part] for part in waiting)
        for done in answer(job, waiting) if waiting else ():
            said(Progress(f"answering into {output.name}", resumed + done, sum(parts)))
        with partial_file(output) as partial:
            join_parts([job.answered(part) for part in range(len(parts))], partial, kind=kind_of_file(output))
        tally = _tally(job, len(parts), resumed)
        _remove(folder, output)
    return facts_of(model, tally, (source, output), wanted, seconds=time.perf_counter() - begun)


def _check_free(output: Path, kept: Kept) -> None:
    if output.exists() and not kept.overwrite:
        raise CallError(
            f"{output} exists already, and no unfinished call of it: what is there is whole. Add --overwrite to begin "
            "anew, or name another file."
        )


def _remove(folder: Path, output: Path) -> None:
    """Remove all parts at once, so that a kill leaves all of them or none, and what is left is swept."""
    with contextlib.suppress(OSError), partial_folder(output) as partial:
        folder.rename(partial / folder.name)
    shutil.rmtree(folder, ignore_errors=True)


def _batches(model: Bundle, source: Path, columns: Mapping[str, Any]) -> Iterator[Rows]:
    def begin(**given: Any) -> Iterator[Rows]:
        batches = iterate(source, PART_ROWS, **given)
        return chain([next(batches)], batches)

    return with_columns(model.manifest.data.roles, begin, **columns)


def _cut(model: Bundle, job: Job, batches: Iterable[Rows]) -> tuple[list[int], Job]:
    """Write the rows of each part, and try the first rows for the columns of the output."""
    counted: list[int] = []
    for part, rows in enumerate(batches):
        if not part:
            job = _tried(model, job, rows)
        path = job.rows_of(part)
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, rows.table.schema) as writer:
            writer.write_table(rows.table)
        counted.append(len(rows))
    return counted, job


def _tried(model: Bundle, job: Job, rows: Rows) -> Job:
    first = rows.take(range(min(TRIED_ROWS, len(rows))))
    records = records_of(model, first, job.wanted, is_first=True)
    added = free_names(first, max(records, key=len))
    nested = FLAT.isdisjoint(Path(job.output).suffixes)
    table = with_answers(first, records, added, model.answer_kind, keeps_nested=nested)
    columns = base64.b64encode(plain_schema(table.schema).serialize().to_pybytes()).decode()
    known = vars(job) | {"roles": asdict(rows.roles), "added": added, "columns": columns}
    return Job(**known)


def _tally(job: Job, n_parts: int, resumed: int) -> Tally:
    total = Tally(added=job.added, resumed=resumed)
    for part in range(n_parts):
        own = Tally.of(json.loads(job.tally(part).read_text("utf-8")), 0)
        total.answered_by.update(own.answered_by)
        total.to_review += own.to_review
        total.empty_sets += own.empty_sets
        total.not_answered += own.not_answered
        total.withheld += own.withheld
    return total


def _write_job(folder: Path, job: Job, parts: list[int], call: Mapping[str, str]) -> None:
    """Say that all parts are cut: from here on a call can go on."""
    facts = {name: value for name, value in vars(job).items() if name not in ("wanted", "layout")}
    layout = {"encoding": job.layout.encoding, "delimiter": job.layout.delimiter}
    write_text(folder / JOB_FILE, json.dumps({"call": dict(call), "parts": parts, "layout": layout, **facts}))


def _job_of(found: Mapping[str, Any], wanted: Wanted) -> Job:
    known = {name: value for name, value in found.items() if name not in ("call", "parts", "layout")}
    return Job(**known, wanted=wanted, layout=WrittenAs(**found["layout"]))


def _found(folder: Path, output: Path, kept: Kept) -> dict[str, Any] | None:
    """Give the unfinished job that is to be gone on with; None: there is none."""
    found: dict[str, Any] | None = None
    with contextlib.suppress(OSError, ValueError):
        found = json.loads((folder / JOB_FILE).read_text("utf-8"))
    if found is None:
        return None
    if not kept.resume:
        if kept.overwrite:
            return None
        raise CallError(
            f"{output} is unfinished: parts of it are done. Add --resume to go on, or --overwrite to begin anew."
        )
    other = [name for name, value in kept.call.items() if value != found["call"].get(name)]
    if other:
        raise CallError(
            f"{output} was begun otherwise: {', '.join(other)} is another now. Repeat that call with --resume, or "
            "add --overwrite without --resume to begin anew."
        )
    return found
