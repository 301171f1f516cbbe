"""One answer as plain facts: what the service sends, and what the command line prints and writes."""

from typing import Any

from metier.predictors.answers import Answers

DIGITS = 6  # Of a probability: more than any calibration can promise, and short enough to send.


def as_record(answers: Answers, row: int, *, top: int | None = None) -> dict[str, Any]:
    """Give one answer as a dict that JSON can hold.

    Parameters
    ----------
    answers : Answers
        The answers to a batch.
    row : int
        Which of them.
    top : int or None
        How many labels to list under `probabilities`, the likeliest first; None leaves the list out.

    Returns
    -------
    dict
        `label`, `probability` (0 to 1), `answered_by` and, where `top` is given, `probabilities` by label.
    """
    probabilities = answers.probabilities[row]
    best = int(probabilities.argmax())
    record: dict[str, Any] = {
        "label": answers.labels[best],
        "probability": round(float(probabilities[best]), DIGITS),
        "answered_by": answers.answered_by[row],
    }
    if top is not None:
        likeliest = (-probabilities).argsort(kind="stable")[:top]
        record["probabilities"] = {answers.labels[i]: round(float(probabilities[i]), DIGITS) for i in likeliest}
    return record
