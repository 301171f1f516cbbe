"""Detect whether texts are Chinese, English or other, to choose a base and a segmentation.

The script decides first: Han characters without kana are Chinese. Texts in Latin letters are decided by function
words: English ones against those of other European languages. A text without function words ("PIN blocked") is
undecided and counted with the majority of the other texts.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from metier.text.segmentation import HAN

MOST_TEXTS = 4_000  # Enough to estimate shares to within two points.
MOST_CHARACTERS = 1_000  # Of each text.
# A Han character corresponds to about half an English word, so a third of the letters is most of the text.
CHINESE_FRACTION = 0.3

_han = re.compile(f"[{HAN}]").findall
_kana_or_hangul = re.compile("[\u3040-\u30ff\u31f0-\u31ff\uac00-\ud7af\u1100-\u11ff]").findall
_letters = re.compile(r"[^\W\d_]").findall
_latin = re.compile("[A-Za-z\u00c0-\u024f]").findall
_latin_words = re.compile("[a-z\u00df-\u024f]+").findall


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


_ENGLISH = _words(
    "the of and to is it you that for on with are was my i have this can what how not be from your if when "
    "why where "
    "which would should could there they we he she its has been were does did don doesn isn will an or but "
    "by as at "
    "do about because any our their his her who"
)
# Function words of other Latin-script languages, without words that English shares ("die", "a", "in", "no").
_NEIGHBOURS = _words(
    "der das und ist nicht ein eine ich mit den dem auf für von zu sie wir auch wie "
    "le la les des et est une que pour dans pas je vous nous avec sur au du ce qui "
    "el los las y es por con para mi se lo un del cómo qué "
    "il di che non per sono della gli ho mia "
    "os não uma com meu em ao "
    "het een van niet dat ik mijn voor op te "
    "och att det som på är jag en av og til af ikke "
    "nie jest się ve bir bu için yang dan di untuk saya tidak"
)


@dataclass(frozen=True)
class LanguageMix:
    """Shares of languages among texts.

    Parameters
    ----------
    shares : dict of str to float
        Share of the texts, 0 to 1, of `zh`, `en` and `other`; together 1, or all 0 when no text has letters.
    n_texts : int
        Number of texts in the sample.
    """

    shares: dict[str, float]
    n_texts: int

    @property
    def main_language(self) -> str:
        """The language of most texts: `zh`, `en` or `other`."""
        return (
            max(self.shares, key=lambda language: self.shares[language])
            if any(self.shares.values())
            else "other"
        )


def detect_language(texts: Sequence[str]) -> LanguageMix:
    """Detect the languages of texts, on an even sample of many texts.

    Parameters
    ----------
    texts : sequence of str
        Texts without a letter (numbers, emoji) are ignored.
    """
    step = max(1, len(texts) // MOST_TEXTS)
    counts = Counter(_language_of(texts[position]) for position in range(0, len(texts), step))
    looked_at = sum(counts.values())
    # Undecided texts count with the majority of decided ones; without any, as English.
    undecided = counts.pop("undecided", 0)
    counts["other" if counts["other"] > counts["en"] else "en"] += undecided
    decided = sum(counts[language] for language in ("zh", "en", "other"))
    shares = {language: counts[language] / decided if decided else 0.0 for language in ("zh", "en", "other")}
    return LanguageMix(shares, looked_at)


def _language_of(text: str) -> str:
    text = text[:MOST_CHARACTERS]
    letters = len(_letters(text))
    if letters == 0:
        return "none"
    if _kana_or_hangul(text):
        return "other"
    if len(_han(text)) >= CHINESE_FRACTION * letters:
        return "zh"
    if len(_latin(text)) < 0.5 * letters:
        return "other"
    words = _latin_words(text.lower())
    english = sum(word in _ENGLISH for word in words)
    neighbours = sum(word in _NEIGHBOURS for word in words)
    if english == neighbours:
        return "undecided"
    return "en" if english > neighbours else "other"
