"""The languages of the texts: more than one needs a multilingual base."""

from collections.abc import Iterator

from metier.audit.finding import Finding
from metier.data.rows import Rows
from metier.text import LanguageMix

NAMES = {"en": "English", "zh": "Chinese", "other": "other languages"}
MIXED_FRACTION = 0.05


def check_languages(rows: Rows, mix: LanguageMix) -> Iterator[Finding]:
    """Report a second language with a noticeable share."""
    shares = sorted(mix.shares.items(), key=lambda item: -item[1])
    if shares[1][1] < MIXED_FRACTION:
        return
    listed = ", ".join(f"{share:.0%} {NAMES[language]}" for language, share in shares if share > 0)
    yield Finding(
        "language-mix",
        "note",
        f"the texts are in several languages: {listed}",
        origin=rows.origin,
        remedy="--base e5-multilingual",
        facts={"shares": mix.shares},
    )
