"""How much a row needs a reader, and why: one number from 0 to 1, and the reasons in words.

The number is one minus the product of what speaks for the answer: its probability, the agreement of other models, and a
half for each sign that the picture is not one the model can answer. So every further reason raises it, and a row that
cannot be read at all has 1.
"""

from dataclasses import dataclass

UNREADABLE = "cannot be read"
NOT_CONFIDENT = "not confident"
DISAGREE = "models disagree"
TEXT = "text in the pixels"
UNLIKE = "unlike the training images"
CHECK = "random check"
REASONS = (UNREADABLE, NOT_CONFIDENT, DISAGREE, TEXT, UNLIKE, CHECK)
OF_A_SIGN = 0.5


@dataclass(frozen=True)
class Need:
    """How much a row needs a reader.

    Parameters
    ----------
    score : float
        0 to 1.
    reasons : tuple of str
        Of `REASONS`; empty: it needs none.
    """

    score: float
    reasons: tuple[str, ...]

    @property
    def needs_reader(self) -> bool:
        """Whether there is a reason."""
        return bool(self.reasons)


def need_of(
    probability: float,
    *,
    least: float,
    others: tuple[bool, float] = (True, 0.0),
    has_text: bool = False,
    is_unlike: bool = False,
    is_check: bool = False,
) -> Need:
    """Give how much an answered row needs a reader.

    Parameters
    ----------
    probability : float
        Of the answer, calibrated, 0 to 1.
    least : float
        Below this probability a row needs a reader.
    others : pair of bool and float
        Whether other models give the same label, and the largest total variation distance from their
        probabilities, 0 to 1.
    has_text, is_unlike : bool
        Signs that the answer may not be trusted however probable it is.
    is_check : bool
        Whether it was drawn by chance, so that the accuracy of what is sure is checked too.
    """
    agrees, distance = others
    found = {
        NOT_CONFIDENT: probability < least,
        DISAGREE: not agrees,
        TEXT: has_text,
        UNLIKE: is_unlike,
        CHECK: is_check,
    }
    signs = OF_A_SIGN ** (has_text + is_unlike)
    score = 1 - probability * (1 - distance) * signs
    return Need(round(float(score), 6), tuple(reason for reason, is_so in found.items() if is_so))


def unreadable() -> Need:
    """Give the need of a row whose image cannot be used."""
    return Need(1.0, (UNREADABLE,))
