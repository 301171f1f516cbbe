"""Invariance: rows of the user are edited in ways that change no meaning, and the answers should stay as they are.

The edits stay outside what carries meaning (`meaning`), and of spans outside those that were answered, whose offsets are
moved with the text. What is measured is how often the answer changes, right or wrong: accuracy is another question.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from metier.assurance.behaviour.asking import answers_to, is_spans, same_answer
from metier.assurance.behaviour.case import INVARIANCE, BehaviourResult, Case
from metier.assurance.behaviour.edits import EDITS, NamedEdit
from metier.assurance.behaviour.meaning import keeps_meaning, meaning_bearing, vocabulary
from metier.bundles import Model
from metier.errors import CallError
from metier.progress import Listener, ignore
from metier.text.offsets import Edit, Offsets, apply_edits

MOST_ROWS = 500  # Of all rows, drawn: an interval of four points and an answer in seconds.
TRIES = 5  # Until an edit keeps the meaning.


@dataclass(frozen=True)
class Edited:
    """A row with an edit that keeps its meaning.

    Parameters
    ----------
    row : int
        Its position among the rows that are tested.
    edits : list of Edit
    text : str
        After them.
    """

    row: int
    edits: list[Edit]
    text: str


def edited_key(model: Model) -> str:
    """Give the part of a question that is edited.

    Raises
    ------
    CallError
        If edits of a part would leave marks in it behind, as those of relations, or if questions have no text.
    """
    keys = model.input_keys
    for key in ("question", "text"):
        if key in keys and set(keys) <= {"question", "passage", "text", "text_pair", "image"}:
            return key
    raise CallError(
        f"{model.name} is asked about {model.input_kind.noun}, which cannot be edited by itself. Behaviour is tested of "
        "texts, pairs of texts, questions about a passage and texts with images."
    )


def invariance_results(
    model: Model,
    items: Sequence[Any],
    *,
    names: Sequence[str] | None = None,
    random_state: int = 0,
    listener: Listener = ignore,
) -> list[BehaviourResult]:
    """Test every edit, or those of some names.

    Parameters
    ----------
    items : sequence
        Questions as JSON has them: texts, or mappings.
    names : sequence of str, optional
        Of `EDITS`.
    """
    key = edited_key(model)
    random = np.random.default_rng(random_state)
    if len(items) > MOST_ROWS:
        items = [items[int(row)] for row in np.sort(random.permutation(len(items))[:MOST_ROWS])]
    texts = [text_of(item, key) for item in items]
    known = vocabulary(texts)
    before = answers_to(model, items, what=f"{model.name}: answering", listener=listener)
    same = same_answer(before)
    results = []
    for named in EDITS:
        if names is not None and named.name not in names:
            continue
        found = list(_edited(named, texts, before, known, random))
        asked = [with_text(items[one.row], key, one.text) for one in found]
        after = answers_to(model, asked, what=f"{model.name}: the edit {named.name}", listener=listener)
        cases = tuple(
            Case(
                texts[one.row],
                one.text,
                before[one.row],
                answer,
                bool(same(before[one.row], answer, one.edits)),
            )
            for one, answer in zip(found, after, strict=True)
        )
        results.append(BehaviourResult(INVARIANCE, named.name, named.does, cases, len(items) - len(cases)))
    return results


def _edited(
    named: NamedEdit,
    texts: Sequence[str],
    answers: Sequence[Any],
    known: frozenset[str],
    random: np.random.Generator,
) -> list[Edited]:
    found = []
    for row, (text, answer) in enumerate(zip(texts, answers, strict=True)):
        kept = _kept(named, text, answer)
        for _ in range(TRIES):
            edits = named.make(text, kept, random)
            if edits and keeps_meaning(text, edits, known):
                found.append(Edited(row, edits, apply_edits(text, edits)))
                break
    return [one for one in found if one.text != texts[one.row]]


def _kept(named: NamedEdit, text: str, answer: Any) -> list[Offsets]:
    kept = [] if named.touches_numbers or named.keeps_words else meaning_bearing(text)
    return kept + [(one[0], one[1]) for one in answer] if is_spans(answer) else kept


def text_of(item: Any, key: str) -> str:
    """Give the part of a question that is edited."""
    return str(item[key] if isinstance(item, Mapping) else item)


def with_text(item: Any, key: str, text: str) -> Any:
    """Give a question with another text in that part."""
    return {**item, key: text} if isinstance(item, Mapping) else text
