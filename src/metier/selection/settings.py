"""Every setting of a run: typed, strict, and written out with its defaults filled in.

The settings of a method are its constructor's arguments, so a default lives in one place: the method. A
pydantic model is built from each constructor's signature; unknown keys and wrong types of the whole file are
reported together, before any work.
"""

import inspect
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from metier import catalogue
from metier.arguments import is_endless
from metier.bases.adaptation import faults_of
from metier.errors import CallError, MetierError, SettingsError, UnknownNameError, suggest
from metier.evaluation import describe_metric
from metier.given_files import FileFaultError, given_yaml, parse_yaml
from metier.machine import usable_cores
from metier.selection.base_kinds import BASE_KINDS, BaseKind
from metier.storage import named_everywhere, named_here
from metier.tasks.method_contract import Method
from metier.training.parallel_settings import PARALLEL, Parallel

# What the run decides itself; a user who sets one of these would be overruled silently.
MOST_SEED = 2**31 - 1  # The libraries below take no larger one.
DECIDED_BY_THE_RUN = frozenset(
    {"unlabelled", "checkpoint_folder", "members", "stages", "collection", "arguments"}
)

# Settings that may name a file, of the data and of the run.
DATA_FILES, OTHER_FILES = ("train", "test", "validation", "unlabelled", "knowledge"), ("base",)
# Settings by the names that flags and other libraries give them.
OTHER_NAMES = {
    "budget": "budget_minutes",
    "seed": "random_state",
    "random_seed": "random_state",
    "lr": "learning_rate",
    "n_jobs": "threads",
    "cores": "threads",
    "model": "base",
    "file": "train",
    "dev": "validation",
    "lang": "report_language",
}

# The columns that can be named.
ROLES = (
    *("text", "text_pair", "question", "head", "tail", "messages", "image", "image_pair", "audio"),
    *("label", "labels", "spans", "relations", "answers", "score", "target"),
    *("group", "time", "split"),
)


class DataSettings(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """Which rows, and what their columns are for."""

    train: str | None = Field(default=None, description="File or folder of training rows.")
    test: str | None = Field(default=None, description="Test rows: predicted once, after every choice.")
    validation: str | None = Field(default=None, description="Validation rows, on which every choice is made.")
    text: str | None = None
    text_pair: str | None = Field(default=None, description="The second text of a pair.")
    question: str | None = Field(default=None, description="What is asked about the text.")
    head: str | None = Field(default=None, description="The first entity of a relation.")
    tail: str | None = Field(default=None, description="The second entity of a relation.")
    messages: str | None = Field(default=None, description="The turns of a conversation.")
    image: str | None = Field(default=None, description="The path of an image, from the folder of the file.")
    image_pair: str | None = Field(default=None, description="The image of the other side of a pair.")
    audio: str | None = Field(default=None, description="The path of a recording, from the folder of the file.")
    label: str | None = None
    labels: str | None = Field(default=None, description="Several labels per row.")
    spans: str | None = Field(default=None, description="Marked parts of the text.")
    relations: str | None = Field(default=None, description="Relations between the marked parts.")
    answers: str | None = Field(default=None, description="Parts of the text that answer the question.")
    score: str | None = Field(default=None, description="A number to be predicted.")
    target: str | None = Field(default=None, description="The text to be generated.")
    group: str | None = Field(
        default=None, description="Column of groups; rows of one group stay in one split."
    )
    time: str | None = Field(default=None, description="The latest rows become validation and test.")
    split: str | None = Field(default=None, description="Column that names the split of each row.")
    encoding: str | None = None
    delimiter: str | None = None
    header: bool | None = None
    separator: str | None = Field(default=None, description="Separator between the labels of one row.")
    label_names: tuple[str, ...] = Field(
        default=(), description="Names of the labels of lists of zeros and ones, in their order."
    )
    collection: str | None = Field(default=None, description="File of further texts to search in.")
    repair: bool = Field(default=False, description="Fix what is safe to fix, and report it.")
    validation_fraction: float | None = Field(
        default=None,
        gt=0,
        lt=0.5,
        description="Share of the rows held out for validation, 0 to 0.5; by default a tenth, of fewer than 5,000 "
        "rows up to a fifth.",
    )
    test_fraction: float = Field(
        default=0.2,
        gt=0,
        lt=0.5,
        description="Share of the rows held out for testing when no test file is given.",
    )
    drop_leaks: bool = Field(default=False, description="Leave out training rows that also appear in test.")
    drop_unlabelled: bool = Field(default=False, description="Leave out rows without a label.")
    keep_rare: bool = Field(
        default=False, description="Keep all rows of labels that are too rare to split in training."
    )
    drop_rare: bool = Field(default=False, description="Leave out labels that are too rare to split.")
    out_of_scope_label: str | None = Field(
        default=None,
        description="Label of rows that no other label fits: not learned, the rule of what is out of scope is chosen by "
        "them.",
    )
    knowledge: str | None = Field(
        default=None,
        description="Knowledge graph (OBO, CSV, N-Triples, RDF, or a folder) for the methods that take one.",
    )
    unlabelled: str | None = Field(
        default=None, description="File of unlabelled texts for the semi-supervised methods."
    )
    augment: str | None = Field(
        default=None, description="Data augmentation of the training rows, such as eda:0.1*2,keyboard."
    )
    augment_times: int = Field(default=1, ge=1, description="Augmented rows per training row and augmentation.")
    balance: str | None = Field(
        default=None,
        description="Column of groups: training rows are repeated until no group has a label more often than another.",
    )


class SpeechSettings(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """What turns recordings into texts."""

    base: str = Field(
        default="auto",
        description="Speech model: folder or short name; auto: the installed one of most languages.",
    )
    language: str | None = Field(
        default=None, description="Language that is spoken, such as en or zh; None: heard from each recording."
    )


class CascadeSettings(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """What the certificate of a cascade guarantees."""

    margin: float = Field(
        default=0.005,
        gt=0,
        lt=0.5,
        description="Largest loss of accuracy that the certificate allows, 0 to 0.5.",
    )
    confidence: float = Field(
        default=0.95, gt=0.5, lt=1, description="Confidence of the certificate, 0.5 to 1."
    )


class TrainSettings(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """Every setting of `metier train`."""

    data: DataSettings = DataSettings()
    task: str | None = Field(
        default=None, description="What is to be predicted; None: inferred from the columns."
    )
    order: tuple[str, ...] | None = Field(
        default=None, description="Order of ordinal labels, the lowest first."
    )
    kind: str | None = Field(
        default=None,
        description="Kind of the texts to write: summary, translation, reply, text, code, answer; None: inferred.",
    )
    budget_minutes: float = Field(default=10.0, gt=0, description="Time for everything, report included.")
    candidates: tuple[str, ...] | None = Field(
        default=None, description="Methods to compare; None: the defaults of the task."
    )
    base: str = Field(
        default="auto", description="Pretrained model: folder, short name or hub name; auto: by language."
    )
    bases: dict[BaseKind, str] = Field(default_factory=dict, description="Over `base`: text, writer, image.")
    compare_bases: tuple[str, ...] = Field(
        default=(),
        description="Pretrained models that are compared by probes on training rows before anything is trained; the one "
        "that is taken stands for `base`. `all`: every installed one.",
    )
    speech: SpeechSettings = SpeechSettings()
    search: bool = Field(
        default=False,
        description="Hyperparameter search for the fine-tuned method, with the time that is left.",
    )
    distil: bool = Field(
        default=False, description="Distil the most expensive ensemble into one model, as a further candidate."
    )
    out_of_scope: bool = Field(
        default=False, description="Let bundles carry a rule that says whether any label fits a question."
    )
    in_scope_kept: float = Field(
        default=0.95, gt=0, lt=1, description="Share of the rows in scope that such a rule keeps, 0 to 1."
    )
    adaptation: str | None = Field(
        default=None,
        description="Which weights of a base train: full, head, top:2, lora:8, ...; None: the default of the method.",
    )
    refit: bool = Field(
        default=True, description="Train the recommended candidate and its members again on train + validation."
    )
    report_language: Literal["en", "zh"] = Field(
        default="en",
        description="Language of the report and of what is printed at the end: en or zh (Chinese).",
    )
    tolerance: float = Field(
        default=0.01,
        ge=0,
        lt=0.5,
        description="Largest difference from the best score that still counts as tied.",
    )
    metrics: tuple[str, ...] = Field(default=(), description="Metrics to report besides those of the task.")
    cascade: CascadeSettings = CascadeSettings()
    random_state: int = Field(default=0, ge=0, le=MOST_SEED)
    seeds: int = Field(
        default=1,
        ge=1,
        le=100,
        description="Number of seeds that each candidate is trained with, to report the spread.",
    )
    learning_curve: bool = Field(default=False, description="Also train on growing parts of the rows.")
    track: tuple[str, ...] = Field(default=(), description="Trackers: tensorboard, wandb, mlflow.")
    on: str | None = Field(default=None, description="A Ray cluster: ray, or ray:HOST:PORT.")
    processes: int = Field(default=1, ge=1, le=64, description="Processes that fine-tune one model together.")
    parallel: Parallel | None = Field(default=None, description=PARALLEL)
    threads: int = Field(default_factory=usable_cores, ge=1)
    methods: dict[str, dict[str, Any]] = Field(default_factory=dict, description="Arguments of each method.")

    def base_that(self, does: str) -> str:
        """Give the name of the base for what reads, writes, sees or hears: that of its kind, or the one for all."""
        if does == "hears":
            return self.base if self.speech.base == "auto" else self.speech.base
        return self.bases.get(BASE_KINDS[does], self.base)


def load_settings(
    path: Path | None = None, overrides: Iterable[str] = (), *, flags: Mapping[str, Any] | None = None
) -> TrainSettings:
    """Read settings from a YAML file; flags overrule the file, and `a.b=c` overrides overrule both.

    Raises
    ------
    SettingsError
        If keys are unknown or values out of range: all of them in one sentence each.
    CallError
        If the file is missing or is not YAML.
    """
    values = _read_yaml(path) if path else {}
    for key, value in (flags or {}).items():
        values[key] = {**(values.get(key) or {}), **value} if isinstance(value, Mapping) else value
    for override in overrides:
        _apply(values, override)
    return check_settings(values, origin=str(path) if path else "The settings")


def check_settings(values: Mapping[str, Any], *, origin: str = "The settings") -> TrainSettings:
    """Turn plain values into settings; raises `SettingsError` with every fault there is."""
    faults: list[str] = []
    settings = None
    values = _with_text_names(values)
    try:
        settings = TrainSettings(**values)
    except ValidationError as error:
        faults += [_sentence(fault, TrainSettings) for fault in error.errors()]
    if isinstance(values.get("adaptation"), str):
        faults += faults_of(values["adaptation"])
    faults += _methods_faults(values.get("methods") or {})
    faults += _metric_faults(values.get("metrics") or ())
    if faults or settings is None:
        raise SettingsError(faults, origin=origin)
    return settings


def with_files_named_here(stored: TrainSettings) -> TrainSettings:
    """Give settings that were written down, with their files named as this locale has them."""

    def named(part: BaseModel, names: Sequence[str]) -> dict[str, str]:
        found = {name: getattr(part, name) for name in names}
        return {name: named_here(file) for name, file in found.items() if file is not None}

    data = stored.data.model_copy(update=named(stored.data, DATA_FILES))
    return stored.model_copy(update={"data": data, **named(stored, OTHER_FILES)})


def settings_text(settings: TrainSettings, methods: Mapping[str, Method]) -> str:
    """Give every setting with its default filled in, the arguments of the methods that run included, as YAML.

    Its files are named as every locale can read it, see `with_files_named_here`.
    """
    values = settings.model_dump(mode="json")
    for part, names in ((values["data"], DATA_FILES), (values, OTHER_FILES)):
        part.update({name: named_everywhere(part[name]) for name in names if part[name] is not None})
    values["methods"] = {
        short_name(name): {
            key: value
            for key, value in method.get_params(deep=False).items()
            if key not in DECIDED_BY_THE_RUN and _is_plain(value)
        }
        for name, method in methods.items()
    } | {
        name: arguments
        for name, arguments in settings.methods.items()
        if short_name(name) not in map(short_name, methods)
    }
    text = yaml.safe_dump(values, allow_unicode=True, sort_keys=False)
    return "# Every setting of this run. Use it again with: metier train --settings this-file\n" + text


def short_name(name: str) -> str:
    """The name of a method without its version, as settings files use it."""
    return name.rpartition(".v")[0] or name


def arguments_of(settings: TrainSettings, name: str) -> dict[str, Any]:
    """The arguments that the settings give to one method."""
    return dict(settings.methods.get(short_name(name), settings.methods.get(name, {})))


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        values = given_yaml(path) or {}
    except FileNotFoundError:
        raise CallError(f"There is no settings file {path}. Check --settings.") from None
    except FileFaultError as error:
        raise CallError(
            f"The settings file {path} cannot be read ({error}). Fix it, or write a new one with a run."
        ) from None
    if not isinstance(values, dict):
        raise CallError(f"{path} should hold settings as `name: value`; found {type(values).__name__}.")
    return _with_text_names(values)


def _with_text_names(values: Any) -> Any:
    """Give the settings with every name as text: YAML reads `1:` as a number, which no setting is called."""
    if isinstance(values, Mapping):
        return {str(name): _with_text_names(value) for name, value in values.items()}
    return values


def _apply(values: dict[str, Any], override: str) -> None:
    path, separator, value = override.partition("=")
    if not separator:
        raise CallError(f"--set takes name=value, as in --set methods.encoder.epochs=3; found {override!r}.")
    keys = path.strip().split(".")
    if keys[0] == "methods" and len(keys) == 4:  # methods.encoder.v1.epochs: a versioned name has a dot in it.
        keys = [keys[0], f"{keys[1]}.{keys[2]}", keys[3]]
    for key in keys[:-1]:
        values = values.setdefault(key, {})
        if not isinstance(values, dict):
            raise CallError(f"--set {override}: {key!r} is a value, not a group of settings.")
    try:
        values[keys[-1]] = parse_yaml(value)
    except FileFaultError:
        raise CallError(
            f"--set {override}: the value is not YAML. Close its brackets, or put a text in quotes."
        ) from None


def _metric_faults(metrics: Any) -> list[str]:
    faults = []
    for name in metrics if isinstance(metrics, list | tuple) else ():
        if not isinstance(name, str):
            continue  # The model of all settings has reported it.
        try:
            describe_metric(name)
        except UnknownNameError as error:
            faults.append(f"metrics: {error}")
    return faults


def _methods_faults(methods: Any) -> list[str]:
    if not isinstance(methods, Mapping):
        return []  # The model of all settings has reported it.
    faults = []
    for name, arguments in methods.items():
        if str(name) != short_name(str(name)) and short_name(str(name)) in methods:
            faults.append(
                f"methods.{name}: methods.{short_name(str(name))} sets the same method; keep one of the two"
            )
        faults += _method_faults(str(name), arguments)
    return faults


def _method_faults(name: str, arguments: Any) -> list[str]:
    known = {short_name(full): full for full in catalogue.names()}
    known |= {full: full for full in catalogue.names()}
    if name not in known:
        return [f"methods.{name}: no method has this name.{suggest(name, known)}"]
    if not isinstance(arguments, Mapping):
        return []  # The model of all settings has reported it.
    try:
        model = _model_of(catalogue.resolve(known[name]))
    except (
        MetierError
    ) as error:  # Made of candidates, or not installed: the other faults are reported all the same.
        return [f"methods.{name}: {error}"]
    try:
        model(**arguments)
    except ValidationError as error:
        return [_sentence(fault, model, prefix=f"methods.{name}.") for fault in error.errors()]
    return [
        f"methods.{name}.{key}: should be a finite number; found {value}"
        for key, value in arguments.items()
        if is_endless(value)
    ]


def _model_of(method: type) -> type[BaseModel]:
    fields: dict[str, Any] = {}
    for name, parameter in inspect.signature(method).parameters.items():
        if name in DECIDED_BY_THE_RUN:
            continue
        annotation = Any if parameter.annotation is inspect.Parameter.empty else parameter.annotation
        fields[name] = (annotation, parameter.default)
    return create_model(
        f"{method.__name__}Arguments",
        __config__=ConfigDict(extra="forbid", arbitrary_types_allowed=True, allow_inf_nan=False),
        **fields,
    )


def _sentence(fault: Any, model: type[BaseModel], *, prefix: str = "") -> str:
    where = prefix + ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        owner: type[BaseModel] = model
        for part in fault["loc"][:-1]:
            annotation = owner.model_fields[str(part)].annotation
            owner = annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else owner
        return f"{where}: unknown.{suggest_setting(str(fault['loc'][-1]), owner)}"
    return f"{where}: {fault['msg']}; found {fault['input']!r}"


def suggest_setting(name: str, owner: type[BaseModel] = TrainSettings) -> str:
    """Give ` Did you mean 'x'?` for a setting; one of the rows or of another name is found, too."""
    known = set(owner.model_fields)
    rows = set(DataSettings.model_fields) - known if owner is TrainSettings else set()
    other = OTHER_NAMES.get(name, name)
    if other in known:
        return f" Did you mean {other!r}?"
    if other in rows:
        return f" Did you mean 'data.{other}'?"
    hint = suggest(name, [*known, *rows])
    return next((hint.replace(repr(one), repr(f"data.{one}")) for one in rows if repr(one) in hint), hint)


def _is_plain(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return all(_is_plain(item) for item in value)
    return value is None or isinstance(value, str | int | float | bool)
