"""What each feature adds to a span that a conditional random field found: exact, as the score of tags is a sum.

The score of a span is that of the best tags of the text less that of the same tags with its tokens outside. Its parts
are the weights of the features of these tokens, the steps into, within and out of the span, and the bias of outside. The
probability of the span, over all sequences of tags, stands beside it and is no such sum.
"""

from collections.abc import Sequence

import numpy as np

from metier.explanation.explanation import SpanParts, Word
from metier.predictors.linear.crf import CrfPredictor
from metier.tasks.answers.bio import OUTSIDE
from metier.text.offsets import Offsets

# The tokens that a feature looks at, from the token that has it; `features.crf_features` names them so.
LOOKS_AT = {
    **{f"{kind}{step:+d}": (step,) for kind in ("w", "s", "x") for step in (-2, -1, 1, 2)},
    **dict.fromkeys(("w-1w", "s-1s"), (-1, 0)),
    **dict.fromkeys(("ww+1", "ss+1"), (0, 1)),
    **dict.fromkeys(("s3", "w3"), (-1, 0, 1)),
    "w-1w+1": (-1, 1),
    "w-2w-1": (-2, -1),
    "w+1w+2": (1, 2),
    "w3-": (-2, -1, 0),
    "w3+": (0, 1, 2),
}


def crf_contributions(predictor: CrfPredictor, text: str) -> list[SpanParts]:
    """Give the parts of every span that is found in a text."""
    scores, offsets = predictor.scores(text)
    found = predictor.runs(scores)
    tags = np.zeros(len(scores), dtype=np.int64)
    for first, stop, label, _ in found:
        tags[first] = 1 + 2 * label
        tags[first + 1 : stop] = 2 + 2 * label
    places = [(int(start), int(end)) for start, end in offsets]
    names = predictor.known_features(text)
    return [_parts(predictor, text, run, tags, places, names) for run in found]


def _parts(
    predictor: CrfPredictor,
    text: str,
    run: tuple[int, int, int, float],
    tags: np.ndarray,
    places: Sequence[Offsets],
    names: Sequence[Sequence[int]],
) -> SpanParts:
    first, stop, label, evidence = run
    features: list[tuple[str, str, float]] = []
    added = np.zeros(len(places))
    for position in range(first, stop):
        weights = predictor.weights[:, tags[position]].astype(np.float64) - predictor.weights[:, OUTSIDE]
        for number in names[position]:
            name, part = predictor.columns[number], float(weights[number])
            features.append((text[slice(*places[position])], name, part))
            _divide(added, position, name, part)
    outside = tags.copy()
    outside[first:stop] = OUTSIDE
    steps = _steps(predictor.steps, tags, first, stop) - _steps(predictor.steps, outside, first, stop)
    bias = -float(predictor.decoder.outside_bias) * (stop - first)
    total = sum(part for _, _, part in features) + steps + bias
    features.sort(key=lambda one: -abs(one[2]))
    words = tuple(Word(*place, float(value)) for place, value in zip(places, added, strict=True))
    return SpanParts(
        places[first][0],
        places[stop - 1][1],
        predictor.labels[label],
        float(predictor.decoder.calibration.probability(evidence)),
        total,
        tuple(features),
        steps,
        bias,
        words,
    )


def _divide(added: np.ndarray, position: int, name: str, part: float) -> None:
    """Give the tokens that a feature looks at an equal share of its part; those beyond the text have none."""
    steps = LOOKS_AT.get(name.partition("=")[0], (0,))
    inside = [position + step for step in steps if 0 <= position + step < len(added)] or [position]
    added[inside] += part / len(inside)


def _steps(weights: np.ndarray, tags: np.ndarray, first: int, stop: int) -> float:
    """Give what the steps into, within and out of some tokens add."""
    pairs = range(max(1, first), min(len(tags), stop + 1))
    return float(sum(weights[tags[at - 1], tags[at]] for at in pairs))
