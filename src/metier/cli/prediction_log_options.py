"""The flags of what a service keeps of its answers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from metier.errors import CallError
from metier.serving.prediction_log.kept_texts import POLICIES, TextPolicy
from metier.serving.prediction_log.settings import PredictionLogSettings
from metier.serving.prediction_log.store import open_store
from metier.serving.reviews import ReviewPolicy, read_review_policy

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
FIELDS = PredictionLogSettings.model_fields
OPTIONS: tuple[Decorator, ...] = (
    click.option(
        "--log-predictions",
        metavar="FOLDER",
        type=click.Path(path_type=Path),
        help=FIELDS["folder"].description,
    ),
    click.option("--log-database", metavar="URL", help=FIELDS["database"].description),
    click.option(
        "--log-texts",
        type=click.Choice(POLICIES),
        default="masked",
        show_default=True,
        help=FIELDS["texts"].description,
    ),
    click.option(
        "--review",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="Policy of which answers wait for a person (YAML); they are stored with the predictions.",
    ),
    click.option("--log-days", type=click.IntRange(min=1), help=FIELDS["days"].description),
)


def prediction_log_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the flags of the store of predictions."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def asked_predictions(
    log_predictions: Path | None, log_database: str | None, log_texts: TextPolicy, log_days: int | None
) -> PredictionLogSettings:
    """Give the settings that the flags ask for; a store that cannot be used is said before anything is served.

    Raises
    ------
    CallError
        If the URL is none.
    PredictionLogError
        If the database cannot be used.
    """
    if log_database is not None and "://" not in log_database:
        raise CallError(
            f"The database is {log_database!r}, which is no URL of one; expected a URL such as sqlite:///registry.sqlite "
            "or postgresql+psycopg://host/name."
        )
    settings = PredictionLogSettings(
        folder=log_predictions, database=log_database, texts=log_texts, days=log_days
    )
    if settings.where is None:
        idle = [
            flag
            for flag, is_given in (("--log-texts", log_texts != "masked"), ("--log-days", log_days))
            if is_given
        ]
        if idle:
            raise click.UsageError(
                f"{', '.join(idle)} would do nothing without a store of predictions. Give --log-predictions FOLDER."
            )
    else:
        open_store(settings.where).close()
    return settings


def asked_reviews(path: Path | None, predictions: PredictionLogSettings) -> ReviewPolicy | None:
    """Give the policy that a flag names; raises CallError if it cannot be read, or nothing is kept."""
    if path is None:
        return None
    if predictions.where is None:
        raise CallError(
            "--review needs a store, as decisions are feedback on predictions. Give --log-predictions FOLDER, too."
        )
    return read_review_policy(path)
