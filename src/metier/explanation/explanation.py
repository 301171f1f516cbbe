"""What an explanation holds: the words and the parts of images, each with what it adds to the answer."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from metier.image.thumbnails import Thumbnail

DIGITS = 4
MOST_FEATURES = 12  # Of a span that are listed.


@dataclass(frozen=True)
class Word:
    """A word, or some words in a row, of the text.

    Parameters
    ----------
    start, end : int
        In characters of the text; the end is exclusive.
    contribution : float
        How much lower the score is without it; below 0: higher.
    error : float or None
        Standard error, where contributions are drawn.
    """

    start: int
    end: int
    contribution: float
    error: float | None = None


@dataclass(frozen=True)
class Weighed:
    """Words as a method weighs them.

    Parameters
    ----------
    words : tuple of Word
    unit : str or None
        Of their contributions; None: that of the score.
    gap : float or None
        What they miss of the score less the baseline's, where they should add up to that.
    baseline : float or None
        Score of the baseline.
    """

    words: tuple[Word, ...]
    unit: str | None = None
    gap: float | None = None
    baseline: float | None = None


@dataclass(frozen=True)
class SpanParts:
    """One span of a conditional random field, and what its score is made of.

    Parameters
    ----------
    start, end : int
        In characters of the text.
    label : str
    probability : float
        Calibrated.
    score : float
        Of the span against outside: the sum of its features, its steps and its bias.
    features : tuple of (str, str, float)
        Each token with a feature of it and its part, the largest first; all of them.
    steps : float
        What the steps between tags add.
    bias : float
        What the bias of outside takes away.
    words : tuple of Word
        The parts of the features, divided over the tokens that they look at.
    """

    start: int
    end: int
    label: str
    probability: float
    score: float
    features: tuple[tuple[str, str, float], ...]
    steps: float
    bias: float
    words: tuple[Word, ...]

    def as_dict(self) -> dict[str, Any]:
        """Give it as plain values, its strongest features alone."""
        strongest = [
            {"token": token, "feature": name, "part": round(part, DIGITS)}
            for token, name, part in self.features[:MOST_FEATURES]
        ]
        return {
            "start": self.start,
            "end": self.end,
            "label": self.label,
            "probability": round(self.probability, DIGITS),
            "score": round(self.score, DIGITS),
            "steps": round(self.steps, DIGITS),
            "bias": round(self.bias, DIGITS),
            "features": strongest,
        }


@dataclass(frozen=True)
class ImageParts:
    """One image, and what its parts add.

    Parameters
    ----------
    thumbnail : Thumbnail
    maps : mapping of str to ndarray of shape (rows, columns)
        By method, `occlusion` or `grad_cam`: the contribution of each part, from the top left; the whole image is
        divided evenly, whatever its proportions.
    """

    thumbnail: Thumbnail
    maps: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Counterfactual:
    """A text that is answered otherwise.

    Parameters
    ----------
    text : str
        What is left.
    removed : tuple of str
        The words that were taken out, in their order.
    answer : str
        What is answered then.
    """

    text: str
    removed: tuple[str, ...]
    answer: str


@dataclass(frozen=True)
class Explanation:
    """Why one question was answered so.

    Parameters
    ----------
    answer : dict
        The answer as the predictor records it.
    label : str or None
        What is explained: the predicted label, or another; None where the answer is a number.
    score : float
        Of that label, in log-odds; or the number.
    unit : {"log-odds", "score"}
        Of the score and of the contributions, but where `weighed` has one of its own.
    text : str
    weighed : Weighed
    images : tuple of ImageParts
    method : str
        How the contributions of words were found.
    counterfactual : Counterfactual or None
        The smallest set of words that was found without which the answer is another.
    spans : tuple of SpanParts
        Of a conditional random field: the spans that were found, each with the parts of its score.
    """

    answer: Mapping[str, Any]
    label: str | None
    score: float
    unit: str
    text: str = ""
    weighed: Weighed = field(default_factory=lambda: Weighed(()))
    images: tuple[ImageParts, ...] = field(default=())
    method: str = "leave_one_out"
    counterfactual: Counterfactual | None = None
    spans: tuple[SpanParts, ...] = ()

    @property
    def words(self) -> tuple[Word, ...]:
        """The words with their contributions."""
        return self.weighed.words

    def as_dict(self) -> dict[str, Any]:
        """Give it as plain values, for JSON and for pages."""
        return {
            "answer": dict(self.answer),
            "label": self.label,
            "score": round(self.score, DIGITS),
            "unit": self.unit,
            "text": self.text,
            "method": self.method,
            "counterfactual": None if self.counterfactual is None else asdict(self.counterfactual),
            "spans": [one.as_dict() for one in self.spans],
            "words_unit": self.weighed.unit or self.unit,
            "baseline": _rounded(self.weighed.baseline),
            "gap": _rounded(self.weighed.gap),
            "words": [
                {
                    "start": word.start,
                    "end": word.end,
                    "text": self.text[word.start : word.end],
                    "contribution": round(word.contribution, DIGITS),
                    "error": _rounded(word.error),
                }
                for word in self.words
            ],
            "images": [
                one.thumbnail.as_dict()
                | {"maps": {name: np.round(each, DIGITS).tolist() for name, each in one.maps.items()}}
                for one in self.images
            ],
        }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)
