"""The settings of all sources by their `kind`, and the source that settings give."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from metier.monitoring.sources import folder, growing_file
from metier.monitoring.sources.columns import SourceSettings
from metier.monitoring.sources.folder import FolderSettings
from metier.monitoring.sources.growing_file import FileSettings
from metier.monitoring.sources.source import Source

AnySource = Annotated[FileSettings | FolderSettings, Field(discriminator="kind")]


def build_source(settings: SourceSettings) -> Source:
    """Give the source of some settings.

    Raises
    ------
    MissingExtraError
        If its kind needs a package that is not installed.
    """
    match settings:
        case FileSettings():
            return growing_file.build_source(settings)
        case FolderSettings():
            return folder.build_source(settings)
    raise TypeError(f"{type(settings).__name__} is not one of the sources")


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
