"""Preferences out of a file, a list or the store of a service: pairs, thumbs, or prompts with a right answer; checked.

A row is a prompt (`messages`, `text`, or `prompt` as TRL has it) with `chosen` and `rejected`, with `answer` and `thumb`,
or, where a reward is computed, with `target`. Of a store of predictions an answer with a thumb is a row, and a corrected
one is two: the correction is a good answer, what it corrects a bad one. What would teach the opposite of what it says is
refused by its row, before anything is learned.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from metier.data.formats.memory import table_of
from metier.data.reading import IN_MEMORY, read_table
from metier.errors import DataError, EmptyDataError, quoted
from metier.serving.prediction_log import PredictionLog
from metier.serving.prediction_log.erasing import check_is_store
from metier.tasks.inputs.conversation import CONVERSATION, as_items
from metier.tasks.preferences import CHOSEN, REJECTED, Preferences, pairs_of_thumbs
from metier.text import has_words
from metier.text.duplicates import text_keys
from metier.text.normalisation import level

PROMPTS = ("messages", "text", "prompt")
THUMBS = {"up": CHOSEN, "down": REJECTED}
PAIRS, RATED, TARGETS = "pairs", "thumbs", "targets"
FORMS = {PAIRS: ("chosen", "rejected"), RATED: ("answer", "thumb"), TARGETS: ("target",)}
EXPECTED = (
    "a prompt (messages, text or prompt), and chosen with rejected, or answer with thumb (up or down), or, with --by "
    "reinforce, target"
)
MOST_NAMED = 5


def read_preferences(
    source: Any, *, by: str, drops: bool = False, **how: Any
) -> tuple[Preferences, tuple[str, ...]]:
    """Read and check preferences, and give notes on what was left out.

    Parameters
    ----------
    source : path, URL or list of mappings
    by : {"dpo", "reward_weighted", "reinforce"}
    drops : bool, default=False
        Whether rows that contradict one another, or prefer an answer to itself, are left out instead of refused.
    **how
        `encoding`, `delimiter` and `header` of a file.

    Raises
    ------
    DataError
        If rows have no preference, contradict one another, or are thumbs of one kind alone.
    """
    records, origin = _records(source, **how)
    form = _form_of(records[0], origin, by=by)
    rows = np.arange(1, len(records) + 1)
    records = [{name: _plain(value) for name, value in one.items()} for one in records]
    usable = np.array([_is_usable(one, form) for one in records], dtype=bool)
    notes = []
    if not usable.all():
        first = ", ".join(map(str, rows[~usable][:MOST_NAMED]))
        notes.append(f"{int((~usable).sum()):,} rows without a prompt or an answer were left out (row {first})")
    records, rows = [one for one, is_kept in zip(records, usable, strict=True) if is_kept], rows[usable]
    if not records:
        raise EmptyDataError(f"{origin}: no row has a prompt and an answer. Expected {EXPECTED}.")
    found = _as_preferences(records, rows, form, origin)
    bad = _same(found, rows, form, origin, drops) | _contradicting(found, origin, drops)
    if bad:
        notes.append(f"{len(bad):,} rows that contradict others or prefer an answer to itself were left out")
        found = found.take([place for place, row in enumerate(found.rows) if int(row) not in bad])
    if form == RATED:
        _check_thumbs(found, origin)
    return found, tuple(notes)


def _records(source: Any, **how: Any) -> tuple[list[dict[str, Any]], str]:
    if isinstance(source, str | Path):
        if "://" in str(source) or Path(source).is_dir():
            check_is_store(source)
            return _of_log(source), str(source)
        return read_table(Path(source), **how)[0].to_pylist(), str(source)
    table = table_of(source)
    if table.num_rows == 0:
        raise EmptyDataError("There are no preferences. Give at least one row.")
    return table.to_pylist(), IN_MEMORY


def _of_log(store: str | Path) -> list[dict[str, Any]]:
    """Give what a service answered and people said about it: thumbs, and corrections as answers found good."""
    log = PredictionLog(store)
    try:
        found = [row for batch in log.read() for one in batch for row in _said(one)]
    finally:
        log.close()
    if not found:
        raise EmptyDataError(
            f"{store} holds no written answer with a thumb or a correction. Let people give some with POST /v1/feedback."
        )
    return found


def _said(one: Any) -> Iterator[dict[str, Any]]:
    question, answer = one.question or {}, one.answer.get("text")
    if not isinstance(answer, str) or not {"text", "messages"} & set(question):
        return
    prompt = {name: question[name] for name in ("messages", "text") if name in question}
    is_corrected = isinstance(one.correction, str) and level(one.correction) != level(answer)
    if is_corrected:
        yield {**prompt, "answer": one.correction, "thumb": "up"}
    if one.thumb is not None or is_corrected:
        yield {**prompt, "answer": answer, "thumb": "down" if is_corrected else one.thumb}


def _form_of(record: Mapping[str, Any], origin: str, *, by: str) -> str:
    forms = [name for name, columns in FORMS.items() if set(columns) <= set(record)]
    forms = [name for name in forms if name != TARGETS or by == "reinforce"]
    has_prompt = any(name in record for name in PROMPTS) or _is_conversation(_plain(record.get("chosen")))
    if not forms or not has_prompt:
        raise DataError(f"{origin} has the columns {', '.join(record)}. Expected {EXPECTED}.")
    return forms[0]


def _plain(value: Any) -> Any:
    """Give the list that stands in a cell as JSON; other values as they are."""
    if isinstance(value, str) and value.lstrip().startswith("[{"):
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            return value
    return value


def _is_conversation(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(turn, Mapping) and "content" in turn for turn in value)


def _text(value: Any) -> str:
    """Give an answer as text; TRL writes it as a conversation whose last turn it is."""
    if _is_conversation(value) and value:
        value = value[-1]["content"]
    return value.strip() if isinstance(value, str) else ""


def _prompt(record: Mapping[str, Any]) -> Any:
    for name in PROMPTS:
        if record.get(name):
            return {"messages": record[name]} if _is_conversation(record[name]) else record[name]
    chosen = record.get("chosen")
    if isinstance(chosen, list) and _is_conversation(chosen) and len(chosen) > 1:
        return {"messages": chosen[:-1]}
    return None


def _is_usable(record: Mapping[str, Any], form: str) -> bool:
    prompt = _prompt(record)
    has_prompt = isinstance(prompt, Mapping) or (isinstance(prompt, str) and has_words(prompt))
    answers = [name for name in FORMS[form] if name != "thumb"]
    return has_prompt and all(_text(record.get(name)) for name in answers)


def _as_preferences(
    records: Sequence[Mapping[str, Any]], rows: np.ndarray, form: str, origin: str
) -> Preferences:
    items = as_items([_prompt(one) for one in records], origin=origin)
    keys = text_keys("\n".join(CONVERSATION.shown(item)) for item in items)
    _, prompts = np.unique(keys, return_inverse=True)
    if form == PAIRS:
        answers = [_text(one[name]) for one in records for name in FORMS[PAIRS]]
        doubled = [item for item in items for _ in range(2)]
        rewards = np.tile([CHOSEN, REJECTED], len(records))
        pairs = np.arange(2 * len(records)).reshape(-1, 2)
        return Preferences(
            tuple(doubled), tuple(answers), rewards, np.repeat(prompts, 2), pairs, np.repeat(rows, 2)
        )
    answers = [_text(one[FORMS[form][0]]) for one in records]
    thumbs = [
        _thumb(one, row, origin) if form == RATED else CHOSEN for one, row in zip(records, rows, strict=True)
    ]
    rewards = np.array(thumbs)
    return Preferences(tuple(items), tuple(answers), rewards, prompts, pairs_of_thumbs(prompts, rewards), rows)


def _thumb(record: Mapping[str, Any], row: int, origin: str) -> float:
    said = str(record["thumb"]).strip().lower()
    if said not in THUMBS:
        raise DataError(
            f"{origin}, row {row}, thumb: expected up or down, found {quoted(record['thumb'])}. Correct it."
        )
    return THUMBS[said]


def _same(found: Preferences, rows: np.ndarray, form: str, origin: str, drops: bool) -> set[int]:
    """Find the rows whose two answers are the same; raises where they are not to be left out."""
    if form != PAIRS:
        return set()
    same = [
        int(found.rows[better])
        for better, worse in found.pairs
        if level(found.answers[better]) == level(found.answers[worse])
    ]
    if same and not drops:
        raise DataError(
            f"{origin}: in {len(same):,} of {len(rows):,} rows chosen equals rejected (row {_named(same)}), which says "
            "nothing. Correct them, or leave them out with --drop-conflicts. Nothing was changed."
        )
    return set(same)


def _contradicting(found: Preferences, origin: str, drops: bool) -> set[int]:
    """Find the rows that others contradict: the same two answers to a prompt the other way round, or both thumbs."""
    said: dict[tuple[int, str, str], list[int]] = {}
    for better, worse in found.pairs:
        names = level(found.answers[better]), level(found.answers[worse])
        said.setdefault((int(found.prompts[better]), *names), []).extend(
            {int(found.rows[better]), int(found.rows[worse])}
        )
    against = {
        row
        for (prompt, better, worse), rows in said.items()
        if (prompt, worse, better) in said
        for row in (*rows, *said[prompt, worse, better])
    }
    if against and not drops:
        raise DataError(
            f"{origin}: {len(against):,} rows contradict others: of the same two answers to a prompt, or of one answer, "
            f"some prefer what others reject (row {_named(sorted(against))}). Correct them, or leave them out with "
            "--drop-conflicts. Nothing was changed."
        )
    return against


def _check_thumbs(found: Preferences, origin: str) -> None:
    kinds = set(found.rewards.tolist())
    if len(kinds) < 2:
        only = "up" if CHOSEN in kinds else "down"
        raise DataError(
            f"{origin}: all {len(found):,} thumbs are {only}, so there is nothing to tell good answers from bad ones by. "
            "Give both kinds; or train on good answers alone with metier train."
        )


def _named(rows: Sequence[int]) -> str:
    return ", ".join(map(str, rows[:MOST_NAMED]))
