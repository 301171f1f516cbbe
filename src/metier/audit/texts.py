"""What the texts are like: empty, longer than a model reads, of several languages; and conversations that are poor training
data, begun by the assistant or with an empty turn.
"""

from collections.abc import Iterator

import numpy as np

from metier.audit.finding import Finding, examples_of, positions_of
from metier.data.rows import Rows
from metier.figures import count_of
from metier.text import LanguageMix, has_han, has_words

ENCODER_TOKENS = 512  # Input length of common encoders.
# Characters per token, roughly: an English token is a word or part of one, a Chinese token one character.
CHARACTERS_A_TOKEN_OTHER, CHARACTERS_A_TOKEN_HAN = 4.0, 1.0
HUGE_CHARACTERS = 100_000
NAMES = {"en": "English", "zh": "Chinese", "other": "other languages"}
MIXED_FRACTION = 0.05


def check_lengths(rows: Rows) -> Iterator[Finding]:
    """Find empty texts, texts without a letter or digit, and texts longer than encoders read."""
    if not rows.has_texts:
        return
    empty, wordless, long, huge = [], [], [], []
    files = [rows.column("image")] if rows.has_images else []
    files += [rows.column("audio")] if rows.has_unheard else []
    for position, text in enumerate(rows.texts):
        if not text.strip():
            if not any(named[position] for named in files):
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


def check_languages(rows: Rows, mix: LanguageMix) -> Iterator[Finding]:
    """Report a second language with a noticeable share, and the base to take where the usual one does not read it."""
    shares = sorted(mix.shares.items(), key=lambda item: -item[1])
    if shares[1][1] < MIXED_FRACTION:
        return
    listed = ", ".join(f"{share:.0%} {NAMES[language]}" for language, share in shares if share > 0)
    yield Finding(
        "language-mix",
        "note",
        f"the texts are in several languages: {listed}",
        origin=rows.origin,
        # For other rows than English ones this base is the usual one.
        remedy="--base e5-multilingual" if mix.main_language == "en" else "",
        facts={"shares": mix.shares},
    )


def check_conversations(rows: Rows) -> Iterator[Finding]:
    """Find conversations that the assistant begins, and empty turns."""
    if rows.roles.messages is None:
        return
    begun, empty = [], []
    for row, messages in enumerate(rows.column("messages")):
        first = next((turn["role"] for turn in messages or () if turn["role"] != "system"), None)
        if first == "assistant":
            begun.append(row)
        if any(not turn["content"].strip() for turn in messages or ()):
            empty.append(row)
    for name, positions, what, remedy in (
        (
            "assistant-begins",
            begun,
            "begun by the assistant, which many chat models refuse",
            "put a system or user turn before it",
        ),
        (
            "empty-turns",
            empty,
            "with an empty turn",
            "fill these turns in, or remove them",
        ),
    ):
        if positions:
            yield Finding(
                name,
                "warning",
                f"{count_of(len(positions), 'conversation')} {what}",
                positions_of(positions),
                rows.origin,
                examples_of(rows, positions),
                remedy,
            )
