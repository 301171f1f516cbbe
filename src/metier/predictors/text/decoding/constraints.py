"""What an answer may be at all: one of some texts, or a JSON text that a schema describes.

A constraint never comes to a place where nothing may follow: of what could be written, only that is allowed which the
tokens that are left can finish.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from metier.errors import DataError, SettingsError
from metier.predictors.text.decoding.json_automaton import JsonAutomaton
from metier.predictors.text.decoding.json_schema import Node, canonical, read_schema
from metier.predictors.text.decoding.stepwise_model import Constraint
from metier.predictors.text.decoding.vocabulary import IMPOSSIBLE, Vocabulary

CHOICES, JSON_SCHEMA = "choices", "json_schema"
MOST_STATES = 4096  # Beginnings of answers that are remembered.
SHOWN_ROWS = 5


class WritesTargets(Protocol):
    """From a text to be written to tokens and back."""

    def encode_target(self, text: str) -> list[int]:
        """Give the ids of a text to be written."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """Give the text of ids."""
        ...


@runtime_checkable
class HasTokenizerFile(Protocol):
    """A codec of a `tokenizer.json`."""

    def tokenizer_text(self) -> str:
        """Give its text."""
        ...


class ChoicesConstraint:
    """One of some texts, whole. Safe to share between threads.

    Parameters
    ----------
    choices : mapping of str to sequence of int
        Each text and its tokens.
    end_ids : collection of int
    max_new_tokens : int
    """

    def __init__(self, choices: Mapping[str, Sequence[int]], *, end_ids: Collection[int], max_new_tokens: int):
        self._ends = np.array(sorted(end_ids), np.int64)
        self._most = max_new_tokens
        self._next: dict[
            tuple[int, ...], dict[int, int]
        ] = {}  # After a beginning: tokens, and how many follow at least.
        self._whole = {tuple(tokens) for tokens in choices.values()}
        for tokens in self._whole:
            for at, token in enumerate(tokens):
                after = self._next.setdefault(tokens[:at], {})
                after[token] = min(after.get(token, IMPOSSIBLE), len(tokens) - at - 1)

    def allowed(self, answer: Sequence[int]) -> np.ndarray:
        """Give the tokens that may follow; see `Constraint`."""
        written = tuple(answer)
        left = self._most - len(written) - 1
        tokens = [token for token, more in self._next.get(written, {}).items() if more <= left]
        if written in self._whole or not tokens:
            return np.concatenate([np.array(tokens, np.int64), self._ends])
        return np.array(tokens, np.int64)


class JsonConstraint:
    """A JSON text of a schema. Safe to share between threads.

    Parameters
    ----------
    automaton : JsonAutomaton
    end_ids : collection of int
    max_new_tokens : int
    """

    def __init__(self, automaton: JsonAutomaton, *, end_ids: Collection[int], max_new_tokens: int):
        self._automaton = automaton
        self._ends = np.array(sorted(end_ids), np.int64)
        self._most = max_new_tokens
        self._states: dict[tuple[int, ...], frozenset[Any]] = {}

    def allowed(self, answer: Sequence[int]) -> np.ndarray:
        """Give the tokens that may follow; see `Constraint`."""
        state = self._state(tuple(answer))
        ids, costs = self._automaton.tokens(state)
        ids = ids[costs <= self._most - len(answer) - 1]
        return np.concatenate([ids, self._ends]) if () in state or not len(ids) else ids

    def _state(self, written: tuple[int, ...]) -> frozenset[Any]:
        if not written:
            return self._automaton.start
        found = self._states.get(written)
        if found is None:
            found = self._automaton.after(self._state(written[:-1]), written[-1])
            if len(self._states) >= MOST_STATES:
                self._states.clear()
            self._states[written] = found
        return found


class Begun:
    """A constraint of what comes after so many tokens. Safe to share between threads.

    Parameters
    ----------
    constraint : Constraint
    n_before : int
        Tokens that an encoder-decoder writes before every text.
    """

    def __init__(self, constraint: Constraint, n_before: int):
        self._constraint = constraint
        self._n_before = n_before

    def allowed(self, answer: Sequence[int]) -> Collection[int] | np.ndarray | None:
        """Give the tokens that may follow; see `Constraint`."""
        behind = answer[self._n_before :]
        return None if len(answer) < self._n_before else self._constraint.allowed(behind)


def build_constraint(
    settings: Mapping[str, Any] | None,
    codec: WritesTargets,
    *,
    end_ids: Collection[int],
    max_new_tokens: int,
    n_before: int = 0,
) -> Constraint | None:
    """Give what the settings of a bundle describe; None where all may be written.

    Parameters
    ----------
    settings : mapping or None
        `{"kind": "choices", "choices": [...]}` or `{"kind": "json_schema", "schema": {...}}`.
    n_before : int
        Tokens that an answer begins with and that are none of its text.

    Raises
    ------
    SettingsError
        If the tokenizer cannot write what is asked for, or not in so many tokens.
    """
    if settings is None:
        return None
    room = max_new_tokens - n_before
    made: Constraint
    if settings["kind"] == CHOICES:
        choices = tokens_of_choices(settings[CHOICES], codec)
        _check_room(CHOICES, max(map(len, choices.values())), room)
        made = ChoicesConstraint(choices, end_ids=end_ids, max_new_tokens=room)
    else:
        automaton = _automaton(settings["schema"], codec)
        _check_room(JSON_SCHEMA, automaton.cost(automaton.start), room)
        made = JsonConstraint(automaton, end_ids=end_ids, max_new_tokens=room)
    return Begun(made, n_before) if n_before else made


def tokens_needed(settings: Mapping[str, Any] | None, codec: WritesTargets) -> int:
    """Give how many tokens an answer has to be allowed: those of the longest choice, or of the shortest JSON text.

    Raises
    ------
    SettingsError
        If the tokenizer cannot write what is asked for.
    """
    if settings is None:
        return 1
    if settings["kind"] == CHOICES:
        return max(map(len, tokens_of_choices(settings[CHOICES], codec).values()))
    automaton = _automaton(settings["schema"], codec)
    return automaton.cost(automaton.start)


def _automaton(schema: Any, codec: WritesTargets) -> JsonAutomaton:
    automaton = JsonAutomaton(read_schema(schema), _vocabulary_of(codec))
    if automaton.cost(automaton.start) >= IMPOSSIBLE:
        raise _refused("the tokenizer of the base cannot write what json_schema asks for. Take another base")
    return automaton


def tokens_of_choices(choices: Sequence[str], codec: WritesTargets) -> dict[str, list[int]]:
    """Give the tokens of each choice.

    Raises
    ------
    SettingsError
        If one cannot be written, or two are written alike.
    """
    found: dict[str, list[int]] = {}
    for choice in choices:
        tokens = codec.encode_target(choice)
        if codec.decode(tokens).strip() != choice:
            raise _refused(
                f"the tokenizer of the base cannot write the choice {choice!r}. Take another base, or reword it"
            )
        found[choice] = tokens
    return found


def read_constraint(choices: Any, schema: Any) -> dict[str, Any] | None:
    """Give the settings of a constraint as they stand in a bundle, from lists, mappings or files.

    Parameters
    ----------
    choices : sequence of str, path or None
        A file has one choice a line.
    schema : mapping, path or None
        A file is JSON.

    Raises
    ------
    SettingsError
        If they cannot be read or used.
    """
    if choices is not None:
        return {"kind": CHOICES, CHOICES: _choices(choices)}
    if schema is None:
        return None
    if isinstance(schema, str | Path):
        try:
            schema = json.loads(Path(schema).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise _refused(
                f"json_schema is {str(schema)!r}, which cannot be read as a JSON file ({error})"
            ) from None
    read_schema(schema)
    return {"kind": JSON_SCHEMA, "schema": schema}


def _choices(choices: Any) -> list[str]:
    if isinstance(choices, str | Path):
        try:
            choices = Path(choices).read_text(encoding="utf-8").splitlines()
        except (OSError, ValueError) as error:
            raise _refused(
                f"choices is {str(choices)!r}, which cannot be read as a file with one choice a line ({error})"
            ) from None
        choices = [line for line in choices if line.strip()]
    if not all(isinstance(choice, str) and choice.strip() for choice in choices):
        raise _refused("choices holds something that is not a text. Give a list of texts, none of them empty")
    found = [choice.strip() for choice in choices]
    twice = next((choice for choice in found if found.count(choice) > 1), None)
    if twice is not None:
        raise _refused(f"choices holds {twice!r} twice. Take it out once")
    if len(found) < 2:
        raise _refused(
            f"choices holds {len(found)} texts, expected two or more. Add to them, or leave choices out"
        )
    return found


def constrained_targets(settings: Mapping[str, Any] | None, targets: Sequence[str]) -> list[str]:
    """Give the targets as the constraint writes them.

    Raises
    ------
    DataError
        If some break it, by row.
    """
    if settings is None:
        return list(targets)
    node = read_schema(settings["schema"]) if settings["kind"] == JSON_SCHEMA else None
    known = frozenset(settings.get(CHOICES, ()))
    written, faults = [], []
    for row, target in enumerate(targets, start=1):
        try:
            written.append(_constrained(target, node, known))
        except DataError as error:
            faults.append(f"row {row}: {error}")
    if faults:
        more = f"; and {len(faults) - SHOWN_ROWS} more" if len(faults) > SHOWN_ROWS else ""
        raise DataError(
            f"{len(faults)} of {len(targets)} targets break {settings['kind']}: {'; '.join(faults[:SHOWN_ROWS])}{more}. "
            "Correct these rows, or the setting."
        )
    return written


def _constrained(target: str, node: Node | None, choices: Collection[str]) -> str:
    if node is not None:
        return canonical(node, target)
    if target.strip() not in choices:
        raise DataError(f"{target.strip()[:60]!r} is not one of the choices")
    return target.strip()


def _check_room(kind: str, needed: int, most: int) -> None:
    if needed > most:
        what = "the longest of choices" if kind == CHOICES else "the shortest text of json_schema"
        raise _refused(
            f"max_new_tokens is {most}, and {what} has {needed} tokens. Set max_new_tokens to {needed} or more"
        )


def _vocabulary_of(codec: WritesTargets) -> Vocabulary:
    if not isinstance(codec, HasTokenizerFile):
        raise _refused(
            "json_schema needs a base with a tokenizer.json, and this one has none. Take another base"
        )
    return Vocabulary.of_file(codec.tokenizer_text())


def _refused(fault: str) -> SettingsError:
    return SettingsError([fault], origin="The settings")
