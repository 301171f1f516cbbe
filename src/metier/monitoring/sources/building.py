"""The settings of all sources by their `kind`, and the source that settings give."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field

from metier.monitoring.sources import (
    feed,
    folder,
    growing_file,
    kafka,
    predictions,
    push,
    redis_stream,
    sql_table,
)
from metier.monitoring.sources.columns import SourceSettings
from metier.monitoring.sources.feed import FeedSettings
from metier.monitoring.sources.folder import FolderSettings
from metier.monitoring.sources.growing_file import FileSettings
from metier.monitoring.sources.kafka import KafkaSettings
from metier.monitoring.sources.predictions import PredictionsSettings
from metier.monitoring.sources.push import PushSettings
from metier.monitoring.sources.redis_stream import RedisSettings
from metier.monitoring.sources.source import Source
from metier.monitoring.sources.sql_table import SqlSettings

AnySource = Annotated[
    FileSettings
    | FolderSettings
    | FeedSettings
    | PushSettings
    | RedisSettings
    | KafkaSettings
    | SqlSettings
    | PredictionsSettings,
    Field(discriminator="kind"),
]
BUILDERS: Mapping[type[SourceSettings], Callable[[Any], Source]] = {
    FileSettings: growing_file.build_source,
    FolderSettings: folder.build_source,
    FeedSettings: feed.build_source,
    PushSettings: push.build_source,
    RedisSettings: redis_stream.build_source,
    KafkaSettings: kafka.build_source,
    SqlSettings: sql_table.build_source,
    PredictionsSettings: predictions.build_source,
}


def build_source(settings: SourceSettings) -> Source:
    """Give the source of some settings.

    Raises
    ------
    MissingExtraError
        If its kind needs a package that is not installed.
    """
    return BUILDERS[type(settings)](settings)


def check_names(settings: Sequence[SourceSettings]) -> None:
    """Check that no two sources have one name, since a message is known by it and its id.

    Raises
    ------
    ValueError
        With the name that stands twice.
    """
    names = [one.called for one in settings]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"two sources are called {', '.join(map(repr, twice))}; give each a name of its own")
