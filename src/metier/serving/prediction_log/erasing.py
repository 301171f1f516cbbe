"""What is stored about somebody, removed."""

from pathlib import Path

from metier.errors import CallError
from metier.registry.database import lacks_table, shown_url
from metier.serving.prediction_log.prediction_log import DATABASE, PredictionLog
from metier.serving.prediction_log.tables import PREDICTIONS

WAIT_SECONDS = 30.0  # For the services that write.


def check_is_store(store: Path | str) -> None:
    """Raise `CallError` where there is no store of predictions; nothing is made there."""
    is_url = isinstance(store, str) and "://" in store
    url = str(store) if is_url else f"sqlite:///{(Path(store) / DATABASE).absolute()}"
    if (not is_url and not (Path(store) / DATABASE).is_file()) or lacks_table(url, PREDICTIONS.name):
        raise CallError(
            f"There is no store of predictions in {shown_url(str(store))}. Name the folder that metier serve was given "
            "with --log-predictions."
        )


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
    check_is_store(store)
    log = PredictionLog(store, wait_seconds=WAIT_SECONDS)
    try:
        return log.erase(subject)
    finally:
        log.close()
