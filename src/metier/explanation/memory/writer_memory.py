"""The memory of a writer: how likely the true reply is, by how many exchanges ago what it needs was said.

The needle is the exchange of a row's own conversation that has the most words of its reply which the last message lacks;
around it stand exchanges of other conversations. The likelihood of a reply without it says what the needle is worth.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from metier.data.rows import Rows
from metier.errors import CallError, EmptyDataError
from metier.explanation.memory.context_memory import (
    DEPTHS,
    NEWEST,
    WHOLE,
    WITHOUT,
    Memory,
    Scores,
    memory_of,
)
from metier.explanation.memory.needles import FEWEST_ROWS
from metier.progress import Listener, Progress, ignore
from metier.tasks.inputs.conversation import CONVERSATION
from metier.text.segmentation import segment

LENGTHS = (0.25, 0.5, 2.0)  # Of a history, in contexts of the writer.
MOST_NEEDLES = 20
MEASURE = "log-likelihood a token"
TOKENS_AROUND = 16  # Marks of the roles of an exchange.

Message = Mapping[str, str]
Exchange = tuple[Message, Message]  # Of a user, then of an assistant.


@runtime_checkable
class SaysLikelihood(Protocol):
    """A writer that says how likely a given answer is."""

    @property
    def context_tokens(self) -> int:
        """Most tokens of a prompt."""
        ...

    def count_tokens(self, text: str) -> int:
        """Give how many tokens a text has."""
        ...

    def answer_loss(self, item: Any, answer: str) -> float:
        """Give the mean negative log-likelihood of the tokens of an answer."""
        ...


@dataclass(frozen=True)
class Told:
    """A conversation of one row.

    Parameters
    ----------
    row : int
    needle : tuple of two messages
        What the reply needs.
    last : message
        Of the user, which is replied to.
    reply : str
    """

    row: int
    needle: Exchange
    last: Message
    reply: str


def measure_writer_memory(
    writer: object,
    rows: Rows,
    *,
    most: int = MOST_NEEDLES,
    random_state: int = 0,
    listener: Listener = ignore,
) -> Memory:
    """Measure how likely true replies are at every length and depth.

    Parameters
    ----------
    rows : Rows
        Conversations and their true replies.

    Raises
    ------
    CallError
        If the writer does not say how likely an answer is, or rows are no conversations.
    EmptyDataError
        If fewer than ten rows can be used.
    """
    if not isinstance(writer, SaysLikelihood):
        raise CallError(
            "This writer does not say how likely a given answer is, so its memory cannot be examined. Give the bundle of "
            "generator.v1 with its graph."
        )
    exchanges = _exchanges(rows)
    told = _told(rows, exchanges)
    random = np.random.default_rng(random_state)
    picked = np.sort(random.permutation(len(told))[:most])
    scores: Scores = {}
    for done, place in enumerate(picked):
        listener(Progress("placing the needles", done, len(picked)))
        one = told[int(place)]
        others = [pair for row, pairs in enumerate(exchanges) if row != one.row for pair in pairs]
        order = [others[int(at)] for at in random.permutation(len(others))]
        for length in LENGTHS:
            fillers = _fillers(writer, order, int(length * writer.context_tokens))
            for key, score in _of_one(writer, one, fillers).items():
                scores.setdefault((length, *key), []).append(score)
    listener(Progress("placing the needles", len(picked), len(picked)))
    return memory_of(scores, writer.context_tokens, MEASURE, (WHOLE, NEWEST))


def _exchanges(rows: Rows) -> list[list[Exchange]]:
    """Give the exchanges of each conversation, without the last message."""
    found = []
    for item in CONVERSATION.from_rows(rows):
        turns = [] if isinstance(item, str) else [one for one in item["messages"] if one["role"] != "system"]
        pairs = zip(turns[:-1:2], turns[1:-1:2], strict=False)
        found.append(
            [(one, other) for one, other in pairs if (one["role"], other["role"]) == ("user", "assistant")]
        )
    return found


def _told(rows: Rows, exchanges: Sequence[Sequence[Exchange]]) -> list[Told]:
    found = []
    items, replies = CONVERSATION.from_rows(rows), rows.column("target")
    for row, (item, pairs, reply) in enumerate(zip(items, exchanges, replies, strict=True)):
        if not pairs or not reply or isinstance(item, str):
            continue
        last = item["messages"][-1]
        wanted = _words(reply) - _words(last["content"])
        shared = [len(wanted & (_words(one["content"]) | _words(other["content"]))) for one, other in pairs]
        if max(shared) > 0:
            found.append(Told(row, pairs[int(np.argmax(shared))], last, reply))
    if len(found) < FEWEST_ROWS:
        raise EmptyDataError(
            f"Context memory needs {FEWEST_ROWS} conversations or more whose reply has words of an earlier exchange, found "
            f"{len(found)}. Give more rows."
        )
    return found


def _words(text: str) -> set[str]:
    return {word.lower() for word in segment(text)}


def _fillers(writer: SaysLikelihood, order: Sequence[Exchange], room: int) -> list[Exchange]:
    found = []
    for pair in order:
        room -= sum(writer.count_tokens(one["content"]) for one in pair) + TOKENS_AROUND
        if room < 0:
            break
        found.append(pair)
    return found


def _of_one(
    writer: SaysLikelihood, told: Told, fillers: Sequence[Exchange]
) -> dict[tuple[float | None, str], float]:
    """Give the log-likelihood a token of the reply after each long history."""

    def likelihood(history: Sequence[Exchange]) -> float:
        messages = [dict(one) for pair in history for one in pair]
        return -writer.answer_loss({"messages": [*messages, dict(told.last)]}, told.reply)

    found: dict[tuple[float | None, str], float] = {(None, WITHOUT): likelihood(fillers)}
    for depth in DEPTHS:
        before = round(depth * len(fillers))
        history = [*fillers[:before], told.needle, *fillers[before:]]
        found[depth, WHOLE] = likelihood(history)
        newest = _newest(writer, history, told)
        found[depth, NEWEST] = found[depth, WHOLE] if len(newest) == len(history) else likelihood(newest)
    return found


def _newest(writer: SaysLikelihood, history: Sequence[Exchange], told: Told) -> Sequence[Exchange]:
    """Give the last exchanges that fit into the context whole."""
    room = writer.context_tokens - writer.count_tokens(told.last["content"]) - 2 * TOKENS_AROUND
    kept = len(_fillers(writer, history[::-1], room))
    return history[len(history) - kept :]
