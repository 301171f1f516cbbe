"""Empty texts, and texts longer than a model reads."""

from collections.abc import Iterator

import numpy as np

from metier.audit.finding import Finding, count_of, examples_of, positions_of
from metier.data.rows import Rows
from metier.text import has_han, has_words

ENCODER_TOKENS = 512  # Input length of common encoders.
# Characters per token, roughly: an English token is a word or part of one, a Chinese token one character.
CHARACTERS_A_TOKEN_OTHER, CHARACTERS_A_TOKEN_HAN = 4.0, 1.0
HUGE_CHARACTERS = 100_000


def check_lengths(rows: Rows) -> Iterator[Finding]:
    """Find empty texts, texts without a letter or digit, and texts longer than encoders read."""
    empty, wordless, long, huge = [], [], [], []
    for position, text in enumerate(rows.texts):
        if not text.strip():
            empty.append(position)
        elif not has_words(text):
            wordless.append(position)
        elif len(text) > HUGE_CHARACTERS:
            huge.append(position)
        elif len(text) > ENCODER_TOKENS and estimate_tokens(text) > ENCODER_TOKENS:
            long.append(position)
    if (
        empty and rows.roles.text_pair is None and rows.roles.question is None
    ):  # A pair with an empty side is an error of its own.
        yield Finding(
            "empty-texts",
            "warning",
            f"{count_of(len(empty), 'text')} are empty" if len(empty) > 1 else "1 text is empty",
            positions_of(empty),
            rows.origin,
            examples_of(rows, empty),
            "fill them in or remove them",
        )
    if wordless:
        yield Finding(
            "wordless-texts",
            "note",
            f"{count_of(len(wordless), 'text')} without a letter or digit (emoji, punctuation)",
            positions_of(wordless),
            rows.origin,
            examples_of(rows, wordless),
        )
    if long:
        yield _long(rows, long)
    if huge:
        yield _huge(rows, huge)


def estimate_tokens(text: str) -> float:
    """Estimate how many tokens a text has, from its characters."""
    if not has_han(text):
        return len(text) / CHARACTERS_A_TOKEN_OTHER
    han = sum(has_han(character) for character in text[:10_000]) / min(len(text), 10_000)
    return len(text) * (han / CHARACTERS_A_TOKEN_HAN + (1 - han) / CHARACTERS_A_TOKEN_OTHER)


def _long(rows: Rows, long: list[int]) -> Finding:
    texts = rows.texts
    longest = max(estimate_tokens(texts[position]) for position in long)
    return Finding(
        "long-texts",
        "note",
        f"{count_of(len(long), 'text')} longer than the {ENCODER_TOKENS} tokens that encoders read; "
        f"the longest has about {longest:,.0f}",
        positions_of(long),
        rows.origin,
        examples_of(rows, long),
        facts={"longest_tokens": round(longest), "limit_tokens": ENCODER_TOKENS},
    )


def _huge(rows: Rows, huge: list[int]) -> Finding:
    texts = rows.texts
    sizes = np.array([len(texts[position]) for position in huge])
    order = np.argsort(-sizes, kind="stable")
    ranked = [huge[position] for position in order]
    return Finding(
        "huge-texts",
        "warning",
        f"{count_of(len(huge), 'text')} of more than {HUGE_CHARACTERS:,} characters (the longest: "
        f"{sizes.max():,}); "
        "often an unclosed quotation mark that swallowed other rows, or a whole document",
        positions_of(ranked),
        rows.origin,
        examples_of(rows, ranked, characters=[int(sizes[position]) for position in order]),
        "inspect them; split or remove what is not one example",
        {"longest_characters": int(sizes.max())},
    )
