"""Values that reading could not use: spans outside their text, answers not in their passage, turns out of order."""

from collections.abc import Iterator

from metier.audit.finding import MOST_EXAMPLES, Finding, positions_of, shorten
from metier.data.columns.column_parsing import REPAIRS
from metier.data.columns.value_faults import FaultKind, FaultLog
from metier.figures import count_of

# Noun for the values of a role, and the name of its finding.
_NOUNS = {
    "spans": ("spans", "broken-spans"),
    "head": ("a first entity", "broken-entities"),
    "tail": ("a second entity", "broken-entities"),
    "answers": ("answers", "broken-answers"),
    "messages": ("conversations", "broken-conversations"),
    "relations": ("relations", "broken-relations"),
    "score": ("scores", "broken-scores"),
    "labels": ("labels", "broken-labels"),
    "image": ("images", "broken-images"),
    "audio": ("recordings", "broken-recordings"),
}


def check_broken_values(log: FaultLog, *, origin: str, is_main: bool) -> Iterator[Finding]:
    """Report what reading found, one finding per column and kind of fault, and what `--repair` would do.

    Parameters
    ----------
    log : FaultLog
        The faults that reading recorded.
    origin : str
        Where the rows come from.
    is_main : bool
        Whether these are the training rows, not the test or validation rows.
    """
    if log.stray is not None:
        yield _stray(log, origin)
    for column, sentence in log.refused:
        yield Finding(
            "label-separator",
            "error",
            sentence,
            origin=origin,
            remedy="--separator",
            facts={"column": column},
        )
    for kind in log.kinds:
        yield _broken(kind, origin, is_main)


def _stray(log: FaultLog, origin: str) -> Finding:
    assert log.stray is not None
    lines = log.stray.lines
    return Finding(
        "stray-tags",
        "error",
        f"{count_of(len(lines), 'tag')} of {origin} {'continues' if len(lines) == 1 else 'continue'} an entity "
        f"where none is open: {'line' if len(lines) == 1 else 'lines'} {', '.join(map(str, lines[:5]))}"
        f"{', …' if len(lines) > 5 else ''}; --repair lets each begin one",
        origin=origin,
        remedy="--repair",
        facts={"lines": lines[:1_000], "tags": len(lines)},
    )


def _broken(kind: FaultKind, origin: str, is_main: bool) -> Finding:
    noun, name = _NOUNS[kind.role]
    n_rows, n_lost = len(kind.rows), len(kind.unfixable)
    where = "" if is_main else f" of {origin}"
    return Finding(
        name,
        "error",
        f"{count_of(n_rows, 'row')}{where} {'has' if n_rows == 1 else 'have'} {noun} {kind.kind} "
        f"(column {kind.column}); row {kind.rows[0] + 1}: {kind.found[0]}{_outcome(kind)}",
        positions_of(kind.rows),
        origin,
        tuple(
            {"row": row + 1, "text": shorten(text), "found": found}
            for row, found, text in zip(kind.rows, kind.found[:MOST_EXAMPLES], kind.texts, strict=False)
        ),
        "--repair" if kind.role in REPAIRS else kind.cure,
        {
            "column": kind.column,
            "kind": kind.kind,
            "fixed": n_rows - n_lost,
            "left_out": n_lost,
            "pieces_left_out": kind.pieces_lost,
        },
    )


def _outcome(kind: FaultKind) -> str:
    """Describe what `--repair` would do."""
    if kind.role not in REPAIRS:
        return f" {kind.cure}"
    n_rows, n_lost = len(kind.rows), len(kind.unfixable)
    pieces = "answer" if kind.role == "answers" else "span"
    without = f", without {count_of(kind.pieces_lost, pieces)}" if kind.pieces_lost else ""
    if kind.role == "image":  # Nothing but its source can give the image.
        return f" {kind.cure} --repair removes {'this row' if n_rows == 1 else 'these rows'}"
    if not n_lost:
        return f" --repair fixes {'it' if n_rows == 1 else 'them all'}{without}"
    if n_lost == n_rows:
        return f" --repair removes {'this row' if n_rows == 1 else 'these rows'}"
    return f" --repair fixes {n_rows - n_lost:,}{without}, and removes {count_of(n_lost, 'row')}"
