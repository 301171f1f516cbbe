"""Tokenizations of text metrics: words of ROUGE, and `13a` and `zh` of BLEU.

Scores are comparable with published ones only with the same tokenization, so these follow rouge-score and
sacrebleu exactly, quirks included; the tests compare them on real rows.
"""

import re
from collections.abc import Sequence

from metier.text.segmentation import HAN

# A Han character corresponds to several letters: a third of the letters is then most of the text.
CHINESE_FRACTION = 0.3

_rouge_pieces = re.compile(f"[a-z0-9]+|[{HAN}]").findall
_han = re.compile(f"[{HAN}]").findall
_letters = re.compile(r"[^\W\d_]").findall
_ESCAPES = (("&quot;", '"'), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"))
_MARKS = (
    (re.compile(r"([\{-\~\[-\` -\&\(-\+\:-\@\/])"), r" \1 "),
    (re.compile(r"([^0-9])([\.,])"), r"\1 \2 "),  # A point or comma stays inside a number only.
    (re.compile(r"([\.,])([^0-9])"), r" \1 \2"),
    (re.compile(r"([0-9])(-)"), r"\1 \2 "),
)
# Chinese characters of `zh`. Two of sacrebleu's ranges are written with too few hexadecimal digits and in fact
# cover U+2001 to U+2A6D and U+2F81 to U+2FA1: dashes, quotation marks, arrows and symbols.
_zh_characters = re.compile(
    "([\u3400-\u4db5\u4e00-\u9fa5\u9fa6-\u9fbb\uf900-\ufa2d\ufa30-\ufa6a\ufa70-\ufad9\u2001-\u2a6d\u2f81-\u2fa1"
    "\uff00-\uffef\u2e80-\u2eff\u3000-\u303f\u31c0-\u31ef\u2f00-\u2fdf\u2ff0-\u2fff\u3100-\u312f\u31a0-\u31bf"
    "\ufe10-\ufe1f\ufe30-\ufe4f\u2600-\u26ff\u2700-\u27bf\u3200-\u32ff\u3300-\u33ff])"
)


def rouge_tokens(text: str) -> list[str]:
    """Split into lower-case runs of a-z and 0-9, as in rouge-score, and single Han characters, which it drops."""
    return _rouge_pieces(text.lower())


def tokenize_13a(text: str) -> list[str]:
    """Split as in mteval-v13a, which WMT and sacrebleu use for languages with spaces."""
    text = text.rstrip().replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    for escape, mark in _ESCAPES:
        text = text.replace(escape, mark)
    return _cut_marks(f" {text} ")


def tokenize_zh(text: str) -> list[str]:
    """Split as in sacrebleu's `zh`: single Chinese characters and punctuation marks, the rest by punctuation."""
    return _cut_marks(_zh_characters.sub(r" \1 ", text.strip()))


def is_mostly_chinese(truth: Sequence[str | Sequence[str]]) -> bool:
    """Whether Han characters are at least three in ten letters of the references."""
    texts = [text for true in truth for text in ([true] if isinstance(true, str) else true)]
    letters = sum(len(_letters(text)) for text in texts)
    return letters > 0 and sum(len(_han(text)) for text in texts) >= CHINESE_FRACTION * letters


def _cut_marks(text: str) -> list[str]:
    for pattern, replacement in _MARKS:
        text = pattern.sub(replacement, text)
    return text.split()
