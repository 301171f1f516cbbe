"""Which of a long conversation is read: the rule by which turns that are remembered come back into the context.

The newest turns are read whole. Of the turns before them come, in a system message, first those lines that are most like
the last exchange (BM25), in their order, then, where it is asked for, a summary of the rest: its most central lines
(TextRank). Together they never have more tokens than the context; what fits whole is read whole. By default there is no
summary: at equal room it brought back fewer facts than further lines do (scripts/dialogue_memory.py, on dev).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, Field

from metier.features.sentence_ranks import rank_sentences
from metier.tasks.dialogue_history import (
    LONGEST_LINE,
    NOTES,
    TOKENS_AROUND,
    fit_text,
    nearest_lines,
    newest_turns,
)
from metier.text.segmentation import has_han, segment, split_sentences

Message = Mapping[str, str]
Cost = Callable[[str], int]


class ContextRule(BaseModel, frozen=True, extra="forbid"):
    """How much of the context each part of a conversation gets."""

    context_tokens: int | None = Field(
        default=None,
        ge=32,
        description="Most tokens that are read of a conversation; None: what the model's context holds, and 1,024 words "
        "where it states none.",
    )
    retrieved_fraction: float = Field(
        default=0.35, ge=0, le=0.8, description="Share for older lines that are most like the last exchange."
    )
    summary_fraction: float = Field(
        default=0.0,
        ge=0,
        le=0.8,
        description="Share for the summary of the other older turns; 0: there is none.",
    )


DEFAULT_RULE = ContextRule()
WORDS = 1024  # Where a model states no context.


@dataclass(frozen=True)
class RememberedContext:
    """What is read of a conversation.

    Parameters
    ----------
    messages : list of dict
        As a writer takes them.
    n_whole, n_retrieved, n_summary : int
        Turns that are read whole, and older lines in each part of the notes.
    """

    messages: list[dict[str, str]]
    n_whole: int
    n_retrieved: int = 0
    n_summary: int = 0


def words_of(text: str) -> int:
    """Give the words of a text: the cost where a model counts no tokens."""
    return len(segment(text))


def build_context(
    messages: Sequence[Message], *, room: int, cost: Cost, rule: ContextRule = DEFAULT_RULE
) -> RememberedContext:
    """Give what is read of a whole conversation.

    Parameters
    ----------
    messages : sequence of {"role", "content"}
        The oldest first; the last is the user's.
    room : int
        Tokens of all that is read; marks of roles are counted as `TOKENS_AROUND` each.
    cost : callable
        From a text to its number of tokens.
    """
    whole = [dict(message) for message in messages]
    if sum(cost(message["content"]) + TOKENS_AROUND for message in whole) <= room:
        return RememberedContext(whole, len(whole))
    system = whole[0]["content"] if whole[0]["role"] == "system" else ""
    turns = whole[1:] if system else whole
    left = room - ((cost(system) + TOKENS_AROUND) if system else 0)
    last = turns[-1] | {"content": fit_text(turns[-1]["content"], room=left - TOKENS_AROUND, cost=cost)}
    left -= cost(last["content"]) + TOKENS_AROUND
    notes_room = int(room * (rule.retrieved_fraction + rule.summary_fraction))
    kept = newest_turns(turns[:-1], left - notes_room, cost)
    newest = turns[len(turns) - 1 - kept : -1]
    left -= sum(cost(turn["content"]) + TOKENS_AROUND for turn in newest) + TOKENS_AROUND
    lines = _lines(turns[: len(turns) - 1 - kept])
    asked = "\n".join(turn["content"] for turn in [*newest[-1:], last])
    retrieved, summary = _notes(lines, asked, left, cost, rule)
    told = _told(system, retrieved, summary, is_chinese=has_han(last["content"]))
    first = [{"role": "system", "content": told}] if told else []
    return RememberedContext([*first, *newest, last], kept + 1, len(retrieved), len(summary))


def _lines(turns: Sequence[Message]) -> list[str]:
    return [
        f"{turn['role']}: {sentence}"
        for turn in turns
        for sentence in split_sentences(turn["content"], longest=LONGEST_LINE)
    ]


def _notes(
    lines: Sequence[str], query: str, room: int, cost: Cost, rule: ContextRule
) -> tuple[list[str], list[str]]:
    """The lines like the query, and the most central of the others, in at most so many tokens with their headings."""
    shares = rule.retrieved_fraction + rule.summary_fraction
    headings = sum(map(cost, NOTES[:2])) + 4
    room -= headings
    if not lines or not shares or room <= 0:
        return [], []
    of_summary = int(room * rule.summary_fraction / shares)
    retrieved = nearest_lines(lines, query, room - of_summary, cost) if rule.retrieved_fraction else []
    known = set(retrieved)
    others = [line for line in dict.fromkeys(lines) if line not in known]
    return retrieved, _central(others, of_summary, cost)


def _central(lines: Sequence[str], room: int, cost: Cost) -> list[str]:
    """The most central lines that fit, in their order."""
    kept, used = list[int](), 0
    for position in (-rank_sentences(lines)).argsort(kind="stable"):
        needed = cost(lines[position]) + 1
        if used + needed <= room:
            kept.append(int(position))
            used += needed
    return [lines[position] for position in sorted(kept)]


def _told(system: str, retrieved: Sequence[str], summary: Sequence[str], *, is_chinese: bool) -> str:
    turns, summed = NOTES[2:] if is_chinese else NOTES[:2]
    parts = [
        system,
        "\n".join([turns, *retrieved]) if retrieved else "",
        "\n".join([summed, *summary]) if summary else "",
    ]
    return "\n\n".join(part for part in parts if part)
