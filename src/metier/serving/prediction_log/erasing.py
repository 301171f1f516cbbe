"""What is stored about somebody, removed."""

from pathlib import Path

from metier.errors import CallError
from metier.serving.prediction_log.prediction_log import DATABASE, PredictionLog

WAIT_SECONDS = 30.0  # For the services that write.


def erase_subject(store: Path | str, subject: str) -> int:
    """Remove texts, answers and feedback of a subject from a store of predictions, and give how many answers that were.

    Parameters
    ----------
    store : Path or str
        The folder of the store, or the URL of its database.
    subject : str
        As the field `subject` of the requests had it.

    Raises
    ------
    CallError
        If there is no store.
    PredictionLogError
        If its database cannot be used.
    """
    is_url = isinstance(store, str) and "://" in store
    if not is_url and not (Path(store) / DATABASE).is_file():
        raise CallError(
            f"There is no store of predictions in {store}. Name the folder that metier serve was given with "
            "--log-predictions."
        )
    log = PredictionLog(store, wait_seconds=WAIT_SECONDS)
    try:
        return log.erase(subject)
    finally:
        log.close()
