"""What a watch does, as `watch.yaml` says it: sources, bundles, what is counted, what is kept, who is told."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, StringConstraints, ValidationError, field_validator, model_validator

from metier.errors import CallError, MetierError, SettingsError
from metier.given_files import FileFaultError, given_yaml
from metier.monitoring.alerts import AlertSettings
from metier.monitoring.budget import FalseAlarms
from metier.monitoring.counting import MOST_NAMES
from metier.monitoring.given_paths import FOLDER, GivenPath, expanded_path
from metier.monitoring.settings_faults import sentences_of
from metier.monitoring.signals import DETECTORS
from metier.monitoring.sources import AnySource, check_names
from metier.registry.registry import CHAMPION, Registry

REGISTERED = "@"  # Between the name of a model in a registry and its alias.
MOST_MINUTES, MOST_DAYS = 527_040, 36_525  # A year, and a century.
# As keys of a series and of the versions that counted it.
Name = Annotated[str, StringConstraints(pattern=r"^[^=,\s]{1,40}$")]


class WatchSettings(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """Settings of a watch."""

    store: str = Field(
        default="watch.sqlite", description="SQLite file, or the URL of a database as SQLAlchemy writes it."
    )
    sources: tuple[AnySource, ...] = Field(min_length=1, description="Where messages come from.")
    bundles: dict[Name, GivenPath] = Field(
        default_factory=dict, description="Models that answer each message, by a name: runs or bundles."
    )
    registry: GivenPath | None = Field(
        default=None, description="Folder of a registry, of which bundles may be named as NAME@ALIAS."
    )
    companies: GivenPath | None = Field(
        default=None, description="CSV file of aliases and companies, under which found entities are counted."
    )
    by: tuple[tuple[Name, ...], ...] = Field(
        default=(), description="Series: combinations of names of bundles and of what sources say."
    )
    period: Literal["day", "hour"] = Field(default="day", description="What is counted in, in UTC.")
    allowed_lateness_hours: float = Field(
        default=1,
        ge=0,
        description="How long after its end a period waits for messages of each source.",
    )
    patience_hours: float = Field(
        default=6,
        gt=0,
        description="Longest wait for a source that has nothing new, or fails.",
    )
    most_ahead_minutes: float = Field(
        default=10,
        ge=0,
        le=MOST_MINUTES,
        description="Messages dated further ahead of the clock are refused.",
    )
    false_alarms: str = Field(default="1/week", description="Allowed over all series together.")
    drift_false_alarms: str = Field(
        default="1/year", description="Allowed of drift, over all bundles and measures together."
    )
    detector: str = Field(default="quasi_cusum", description="How surges are found.")
    audit_fraction: float = Field(
        default=0.03, ge=0, le=1, description="Share of messages drawn by chance, to be labelled."
    )
    audit_labels: GivenPath | None = Field(
        default=None, description="CSV file with the labels that people gave those: source, id, label."
    )
    keep_days: int | None = Field(
        default=None, ge=8, le=MOST_DAYS, description="Days after which messages are removed; counts stay."
    )
    text: Literal["masked", "none"] = Field(
        default="masked", description="Keep texts without their personal data, or none."
    )
    model_change: Literal["answer_again", "break"] = Field(
        default="answer_again", description="What follows where another version of a bundle answers."
    )
    answer_again_days: int = Field(
        default=98, ge=1, le=MOST_DAYS, description="How far back messages are answered again."
    )
    poll_seconds: float = Field(
        default=5, gt=0, le=86_400, description="How long after the end of a source it is read again."
    )
    threads: int = Field(default=1, ge=1, le=1_024, description="Threads of each bundle.")
    alerts: AlertSettings = Field(default=AlertSettings(), description="Who is told, and how.")

    @field_validator("store")
    @classmethod
    def _check_store(cls, where: str) -> str:
        if not where.strip():
            raise ValueError("it is empty; expected a file, such as watch.sqlite, or the URL of a database")
        if where.startswith("sqlite") and where.partition("://")[2] in ("", "/", "/:memory:"):
            raise ValueError(
                "it would be kept in memory alone and lost; name a file, such as sqlite:///watch.sqlite"
            )
        path = expanded_path(Path(where))
        return where if "://" in where else str(path)

    @field_validator("by", mode="before")
    @classmethod
    def _as_combinations(cls, by: Any) -> Any:
        """Take `- company` for `- [company]`."""
        return [[one] if isinstance(one, str) else one for one in by] if isinstance(by, list) else by

    @field_validator("by")
    @classmethod
    def _check_by(cls, by: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
        for names in by:
            if not names or len(names) > MOST_NAMES or len(set(names)) < len(names):
                raise ValueError(
                    f"each combination has 1 to {MOST_NAMES} names, each once; found {list(names)}"
                )
        if len({frozenset(names) for names in by}) < len(by):
            raise ValueError("one combination stands twice, and would be counted twice; leave one out")
        return by

    @field_validator("false_alarms", "drift_false_alarms")
    @classmethod
    def _check_false_alarms(cls, written: str) -> str:
        try:
            FalseAlarms.of(written)
        except MetierError as error:
            raise ValueError(str(error)) from None
        return written

    @field_validator("detector")
    @classmethod
    def _check_detector(cls, name: str) -> str:
        if name not in DETECTORS:
            raise ValueError(f"no detector has this name; known are {', '.join(DETECTORS)}")
        return name

    @model_validator(mode="after")
    def _check_sources(self) -> Self:
        check_names(self.sources)
        return self

    @property
    def allowed(self) -> FalseAlarms:
        """The false alarms of surges that are allowed."""
        return FalseAlarms.of(self.false_alarms)

    @property
    def allowed_drift(self) -> FalseAlarms:
        """The false alarms of drift that are allowed."""
        return FalseAlarms.of(self.drift_false_alarms)


def read_watch_settings(path: str | Path) -> WatchSettings:
    """Read the settings of a watch; relative paths are taken from their file.

    Raises
    ------
    CallError
        If the file is missing or is not YAML.
    SettingsError
        If settings are unknown or out of range: all of them together.
    """
    path = Path(path)
    try:
        values = given_yaml(path) or {}
    except FileNotFoundError:
        raise CallError(f"There is no settings file {path}. Write one with: metier watch init {path}") from None
    except FileFaultError as error:
        raise CallError(f"The settings file {path} cannot be read ({error}). Write YAML of UTF-8.") from None
    if not isinstance(values, dict):
        raise CallError(f"{path} should hold settings as `name: value`; found {type(values).__name__}.")
    settings = check_watch_settings(values, folder=path.absolute().parent, origin=str(path))
    _check_names(settings, str(path))
    return settings


def check_watch_settings(
    values: Mapping[str, Any], *, folder: Path, origin: str = "The settings"
) -> WatchSettings:
    """Turn plain values into settings; raises `SettingsError` with every fault there is."""
    try:
        settings = WatchSettings.model_validate(dict(values), context={FOLDER: folder})
    except ValidationError as error:
        raise SettingsError(sentences_of(error, WatchSettings.model_fields), origin=origin) from None
    bundles = with_registered(settings.bundles, settings.registry)
    where = settings.store if "://" in settings.store else str(folder / settings.store)
    return settings.model_copy(update={"store": where, "bundles": bundles})


def _check_names(settings: WatchSettings, origin: str) -> None:
    """Check that what is counted by has one meaning: a bundle, or what a source says of its messages."""
    said = {name for one in settings.sources for name in (*one.columns.by, *one.constants)}
    both = sorted(said & settings.bundles.keys())
    faults = [
        f"bundles.{name}: a source says this of its messages, too; give the bundle another name"
        for name in both
    ]
    known = sorted(said | settings.bundles.keys())
    listed = ", ".join(known) or "none"
    for name in sorted({name for names in settings.by for name in names} - set(known)):
        faults.append(
            f"by: {name!r} is neither a bundle nor in `by` of the columns of a source; known are {listed}"
        )
    if faults:
        raise SettingsError(faults, origin=origin)


def with_registered(bundles: Mapping[str, Path], folder: Path | None) -> dict[str, Path]:
    """Give the folders of bundles, those of the registry in place of their names there.

    Parameters
    ----------
    bundles : mapping of str to Path
        The last part of a path may be `NAME@ALIAS`.
    folder : Path or None
        The registry; None: there is none, and all are paths.

    Raises
    ------
    CallError
        If there is no registry at the folder.
    UnknownNameError
        If the registry has no such model or alias.
    """
    if folder is None:
        return dict(bundles)
    if not folder.is_dir():
        raise CallError(
            f"There is no registry at {folder}, which the settings name. Begin one with metier registry add, or leave "
            "registry out."
        )
    registry = Registry(folder)
    return {
        name: _folder(registry, path) if REGISTERED in path.name and not path.exists() else path
        for name, path in bundles.items()
    }


def _folder(registry: Registry, path: Path) -> Path:
    name, _, alias = path.name.partition(REGISTERED)
    return registry.version(name, alias or CHAMPION).folder
