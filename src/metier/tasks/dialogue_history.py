"""Truncation of conversations that do not fit into the context: one rule, in training and in prediction.

The newest turns are shown whole. Of the turns before them, those lines are shown that are most like the last thing the
user wrote (BM25), in their order, under a heading that names them. So nothing is cut off without a
trace: a name from forty turns ago comes back when the user comes back to it. A last message that is itself too long
is treated in the same way, its sentences as turns.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from metier.tasks.inputs.conversation import check_messages
from metier.text.bm25 import Bm25
from metier.text.segmentation import split_sentences

__all__ = [
    "NOTES",
    "TEXT_HEADING",
    "TURNS_HEADING",
    "Message",
    "check_messages",
    "fit_history",
    "fit_lines",
    "fit_passage",
    "fit_text",
    "nearest_lines",
    "newest_turns",
]

Message = Mapping[str, str]
TURNS_HEADING = "Earlier in this conversation:"
TEXT_HEADING = "From earlier in this message:"
# What begins a system message that only tells of earlier turns: an instruction stands before it, not in its place.
NOTES = (TURNS_HEADING, "What was said earlier:", "对话前文：", "前文摘要：")
# Share of the context that is reserved for lines from before the newest turns.
RETRIEVED_FRACTION = 0.25
# Characters of a line that is retrieved: a pasted log or table has no sentences of its own.
LONGEST_LINE = 300
# Marks of role and end that a template puts around a message, in tokens; the most frequent templates take 4 to 7.
TOKENS_AROUND = 8


def fit_history(
    messages: Sequence[Message], *, room: int, cost: Callable[[str], int]
) -> tuple[list[dict[str, str]], int]:
    """Give the messages to show, in at most so many tokens, and how many turns are shown only by their lines.

    Parameters
    ----------
    messages : sequence of {"role", "content"}
        As `check_messages` takes them: the last turn is the user's.
    room : int
        Tokens.
    cost : callable
        From a text to its number of tokens.

    Returns
    -------
    messages : list of dict
        Retrieved lines stand under `TURNS_HEADING` in the system message.
    n_older : int
        Turns that are not shown whole.
    """
    whole = [dict(message) for message in messages]
    if sum(cost(message["content"]) + TOKENS_AROUND for message in whole) <= room:
        return whole, 0
    system = whole[0]["content"] if whole[0]["role"] == "system" else ""
    turns = whole[1:] if system else whole
    left = room - cost(system) - TOKENS_AROUND
    # The last message comes first in every sense: it may take what the older turns would have had.
    last = turns[-1] | {"content": fit_text(turns[-1]["content"], room=left - TOKENS_AROUND, cost=cost)}
    left -= cost(last["content"]) + TOKENS_AROUND
    kept = newest_turns(turns[:-1], int(left - room * RETRIEVED_FRACTION), cost)
    left -= sum(cost(turn["content"]) + TOKENS_AROUND for turn in turns[len(turns) - 1 - kept : -1])
    older = turns[: len(turns) - 1 - kept]
    lines = [
        f"{turn['role']}: {sentence}"
        for turn in older
        for sentence in split_sentences(turn["content"], longest=LONGEST_LINE)
    ]
    retrieved = nearest_lines(lines, last["content"], left - cost(TURNS_HEADING), cost)
    notes = "\n".join([TURNS_HEADING, *retrieved]) if retrieved else ""
    shown = "\n\n".join(part for part in (system, notes) if part)
    newest = [*turns[len(turns) - 1 - kept : -1], last]
    return ([{"role": "system", "content": shown}] if shown else []) + newest, len(older)


def fit_text(text: str, *, room: int, cost: Callable[[str], int]) -> str:
    """Give a text in at most so many tokens: its last sentences, before them those most like the very last."""
    if cost(text) <= room:
        return text
    sentences = split_sentences(text, longest=LONGEST_LINE)
    kept = newest_turns(
        [{"content": sentence} for sentence in sentences], int(room * (1 - RETRIEVED_FRACTION)), cost
    )
    if (
        kept == 0 and sentences and len(sentences[-1]) > 1 and cost(sentences[-1]) > room
    ):  # As much of its end as fits.
        return fit_text(sentences[-1][len(sentences[-1]) // 2 :], room=room, cost=cost)
    newest = sentences[len(sentences) - kept :]
    used = sum(cost(sentence) + TOKENS_AROUND for sentence in newest)
    query = sentences[-1]  # What is wanted of a pasted text mostly stands at its end.
    retrieved = nearest_lines(sentences[: len(sentences) - kept], query, room - used - cost(TEXT_HEADING), cost)
    return "\n".join([TEXT_HEADING, *retrieved, "", *newest] if retrieved else newest)


def fit_lines(text: str, *, room: int, cost: Callable[[str], int]) -> str:
    """Give the last lines of a text that fit, as they stand: what is asked of code mostly stands at its end."""
    if cost(text) <= room:
        return text
    kept: list[str] = []
    for line in reversed(text.splitlines(keepends=True)):
        if cost("".join([line, *kept])) > room:
            break
        kept.insert(0, line)
    # Not even the last line fits: as much of its end as does.
    return "".join(kept) or fit_lines(text[len(text) // 2 :], room=room, cost=cost)


def fit_passage(passage: str, question: str, *, room: int, cost: Callable[[str], int]) -> str:
    """Give the sentences of a passage that are most like a question and fit, in their order."""
    if cost(passage) <= room:
        return passage
    sentences = split_sentences(passage, longest=LONGEST_LINE)
    return "\n".join(nearest_lines(sentences, question, room, cost))


def newest_turns(turns: Sequence[Message], room: int, cost: Callable[[str], int]) -> int:
    """Give how many of the last turns fit, an even number of them where roles must alternate."""
    kept, used = 0, 0
    for turn in reversed(turns):
        used += cost(turn["content"]) + TOKENS_AROUND
        if used > room:
            break
        kept += 1
    # A conversation begins with the user, so what stands before the last message is whole exchanges.
    return kept - kept % 2 if turns and "role" in turns[0] else kept


def nearest_lines(lines: Sequence[str], query: str, room: int, cost: Callable[[str], int]) -> list[str]:
    """Give the lines most like the query that fit, in their order; of equals the newer."""
    if not lines:
        return []
    scores = Bm25().fit(lines).scores(query)
    order = np.lexsort((-np.arange(len(lines)), -scores))
    chosen, used = [], 0
    for position in order:
        needed = cost(lines[position]) + 1
        if used + needed <= room:
            chosen.append(int(position))
            used += needed
    return [lines[position] for position in sorted(chosen)]
