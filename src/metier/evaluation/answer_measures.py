"""Exact match and F1 of answers from a passage, as in SQuAD and CMRC 2018.

Truth is, for each row, a reference text or the list of references, as texts or as `{"text", "start"}`; an empty list
means unanswerable. An answer is a text, "" for none. The best of several references counts.

English is counted by words, without case, punctuation and articles [1]_. Where a reference or the answer has
Han characters, the row is counted as in CMRC 2018 [2]_: by characters, and only the longest common
substring counts.

References
----------
.. [1] Rajpurkar, Jia and Liang, "Know what you don't know: unanswerable questions for SQuAD", 2018.
.. [2] Cui et al., "A span-extraction dataset for Chinese machine reading comprehension", 2019.
"""

import re
import string
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from metier.evaluation.row_statistics import mean_of_rows
from metier.text.segmentation import has_han

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_WITHOUT_PUNCTUATION = str.maketrans("", "", string.punctuation)
# The punctuation that CMRC's script removes; other marks ("," "(" ".") stay, as in the script.
_WITHOUT_CMRC_MARKS = str.maketrans("", "", "-:_*^/\\~`+=，。：？！“”；’《》·、「」（）－～『』")
# CMRC's script tokenizes non-Han text with NLTK, which needs data files. Of the 3,970 different answers of CMRC's
# development set this gives the same tokens for all but four (initials, "A. Gates", and one degree of latitude).
_WORD = r"[^\s\u4e00-\u9fa5!-/:-@\[-`{-~]+"
_cmrc_pieces = re.compile(rf"[\u4e00-\u9fa5]|{_WORD}(?:[.,']{_WORD})*|[!-/:-@\[-`{{-~]").findall


def references(true: Any) -> list[str]:
    """Give the reference texts of one row, which may be one text; [""] where there is no answer."""
    true = [true] if isinstance(true, str) else true
    texts = [answer["text"] if isinstance(answer, Mapping) else str(answer) for answer in true]
    return [text for text in texts if text.strip()] or [""]


def exact_match(true: Sequence[Any], answer: str) -> float:
    """Give 1 if the answer equals a reference after normalisation, else 0."""
    texts = references(true)
    normalise = _normalise_chinese if _is_chinese(texts, answer) else _normalise_english
    return float(normalise(answer) in {normalise(text) for text in texts})


def answer_f1(true: Sequence[Any], answer: str) -> float:
    """F1 of the words (or characters) of the answer against the best reference, 0 to 1."""
    texts = references(true)
    if _is_chinese(texts, answer):
        return max(_run_f1(_chinese_tokens(text), _chinese_tokens(answer)) for text in texts)
    return max(_word_f1(_normalise_english(text).split(), _normalise_english(answer).split()) for text in texts)


def _is_chinese(texts: Sequence[str], answer: str) -> bool:
    return any(has_han(text) for text in (*texts, answer))


def _normalise_english(text: str) -> str:
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_WITHOUT_PUNCTUATION)).split())


def _normalise_chinese(text: str) -> str:
    return text.lower().strip().translate(_WITHOUT_CMRC_MARKS)


def _chinese_tokens(text: str) -> list[str]:
    return _cmrc_pieces(_normalise_chinese(text))


def _word_f1(reference: list[str], answer: list[str]) -> float:
    if not reference or not answer:
        return float(reference == answer)
    return _f1((Counter(reference) & Counter(answer)).total(), reference, answer)


def _run_f1(reference: list[str], answer: list[str]) -> float:
    if not reference or not answer:
        return float(reference == answer)
    return _f1(_longest_shared_run(reference, answer), reference, answer)


def _f1(shared: int, reference: list[str], answer: list[str]) -> float:
    return 2 * shared / (len(reference) + len(answer))


def _longest_shared_run(first: list[str], second: list[str]) -> int:
    longest, runs = 0, [0] * (len(second) + 1)
    for token in first:
        # From the right, so that runs[at - 1] is still the value of the previous token.
        for at in range(len(second), 0, -1):
            runs[at] = runs[at - 1] + 1 if second[at - 1] == token else 0
        longest = max(longest, *runs)
    return longest


ANSWER_MEASURES = (
    mean_of_rows("exact_match", exact_match, correct_at_one=True),
    mean_of_rows("answer_f1", answer_f1),
)
