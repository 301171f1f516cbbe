"""Casing of tokens and their neighbours, which an uncased model cannot see."""

import numpy as np

LOWER, INITIAL, UPPER, MIXED, DIGITS, OTHER = range(6)
N_KINDS = 6
# Kind of the token, casing of the token before and after, and casing style of the text.
N_CASINGS = N_KINDS * 3 * 3 * 3
CAPITALISED_FRACTION = 0.6  # Share of the words of a text: above it capitals carry no information.


def casings(text: str, offsets: np.ndarray) -> np.ndarray:
    """Encode the casing of each token, an int64 array of shape (n_tokens,), 0 to `N_CASINGS` - 1.

    Parameters
    ----------
    offsets : ndarray of int of shape (n_tokens, 2)
        Start and end of each token.
    """
    kinds = np.array([_kind(text[start:end]) for start, end in offsets.tolist()], dtype=np.int64)
    if len(kinds) == 0:
        return kinds
    capital = np.isin(kinds, (INITIAL, UPPER, MIXED)).astype(np.int64)
    word = capital | (kinds == LOWER)
    # 0 for a capital, 1 for a small letter, 2 for neither or an edge of the text.
    around = np.where(capital, 0, np.where(word, 1, 2))
    before, after = np.append(2, around[:-1]), np.append(around[1:], 2)
    return ((kinds * 3 + before) * 3 + after) * 3 + _style(capital, word)  # type: ignore[no-any-return]


def _style(capital: np.ndarray, word: np.ndarray) -> int:
    """Whether a text has no capitals, some, or nearly only them."""
    share = capital.sum() / max(word.sum(), 1)
    return 0 if share == 0 else 2 if share > CAPITALISED_FRACTION else 1


def _kind(token: str) -> int:
    if token.islower():
        return LOWER
    if token.isupper():
        return UPPER if len(token) > 1 else INITIAL
    if token[:1].isupper():
        return INITIAL if token[1:].islower() else MIXED
    if any(map(str.isupper, token)):
        return MIXED
    return DIGITS if any(map(str.isdigit, token)) else OTHER
