"""Predictions as a service would log them, for tests of the store and of what reads it."""

from datetime import UTC, datetime, timedelta

from metier.serving.prediction_log import Prediction, PredictionLog, new_prediction_ids

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


def predictions(n, *, at=NOON, model="support", **facts):
    told = {
        "model": model,
        "version": "1",
        "answered_by": "tfidf_linear.v1",
        "answer": {"label": "refund", "probability": 0.9},
        "question": {"text": "a refund"},
        **facts,
    }
    return [
        Prediction(id=id_, at=at + timedelta(seconds=i), **told) for i, id_ in enumerate(new_prediction_ids(n))
    ]


def write_some(folder, n):
    """Store so many batches of ten."""
    log = PredictionLog(folder, wait_seconds=30)
    for _ in range(n):
        log.write(predictions(10))
