"""A release policy: what a bundle must show before it may go live, as a YAML file that is kept beside the code."""

import datetime as dt
import hashlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from metier.assurance.conditions import LIVE, Condition
from metier.assurance.forgetting.judging import ForgettingSettings
from metier.assurance.verdict import AT_LEAST, AT_MOST
from metier.errors import CallError, UnknownNameError, quoted, suggest
from metier.given_files import FileFaultError, given_text, parse_yaml

VERSION = 1
LEVEL = 0.95
MOST_BYTES = 1_000_000
BLOCKER, WARNING = "blocker", "warning"
SEVERITIES = (BLOCKER, WARNING)
BLOCKS, PASSES = "blocks", "passes"
FORGETTING = "forgetting"
KEYS = (
    "version", "rows", "level", "cannot_tell", "live", "tests", "conditions", "golden", "waivers", "forgetting",
)  # fmt: skip
CONDITION_KEYS = ("condition", "severity", "why")
WAIVER_KEYS = ("condition", "who", "why", "until")


@dataclass(frozen=True)
class Waiver:
    """A condition that need not hold for a while.

    Parameters
    ----------
    condition : str
        As it is written in the policy.
    who, why : str
        Who answers for it, and the reason.
    until : date
        The last day that it holds.
    """

    condition: str
    who: str
    why: str
    until: dt.date

    def holds(self, today: dt.date) -> bool:
        """Whether the day has not passed."""
        return today <= self.until


@dataclass(frozen=True)
class Demand:
    """A condition with what follows where it is not met.

    Parameters
    ----------
    condition : Condition
    severity : {"blocker", "warning"}
        Whether the bundle may not go live without it.
    why : str
        What it is for, in the policy's words.
    waiver : Waiver or None
    """

    condition: Condition
    severity: str = BLOCKER
    why: str = ""
    waiver: Waiver | None = None


@dataclass(frozen=True)
class Policy:
    """What a bundle must show.

    Parameters
    ----------
    path : Path
    text : str
        The file as it is.
    demands : tuple of Demand
    level : float
        1 - level is the probability that any of all verdicts is wrong: one error budget for the whole policy.
    rows, golden, live, tests : Path or None
        Labelled rows to measure on, rows that must be answered right, the bundle that answers today, and a file of
        behaviour tests; relative paths are taken from the folder of the policy.
    cannot_tell_blocks : bool
        Whether a blocker of which the rows cannot tell keeps the bundle from going live.
    forgetting : ForgettingSettings or None
        How much of what the bundle that answers today knows may be lost; None: that is not asked.
    """

    path: Path
    text: str
    demands: tuple[Demand, ...]
    level: float = LEVEL
    rows: Path | None = None
    golden: Path | None = None
    live: Path | None = None
    tests: Path | None = None
    cannot_tell_blocks: bool = True
    forgetting: ForgettingSettings | None = None

    @property
    def sha256(self) -> str:
        """Of the file."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def needs_live(self) -> bool:
        """Whether a condition, or the forgetting gate, names the bundle that answers today."""
        return self.forgetting is not None or any(demand.condition.other == LIVE for demand in self.demands)


def read_policy(path: str | Path) -> Policy:
    """Read a policy.

    Raises
    ------
    CallError
        If the file is missing, no YAML or no policy: which line or entry, what was expected, and the nearest name.
    """
    path = Path(path)
    text = _text(path)
    try:
        found = parse_yaml(text)
    except FileFaultError as error:
        raise CallError(f"{path} is not YAML ({error}). Write one with: metier init-policy RUN") from None
    if found is None:
        raise CallError(f"{path} is empty. Write a policy with: metier init-policy RUN")
    facts = _mapping(found, KEYS, str(path))
    _check_version(facts, path)
    waivers = tuple(
        _waiver(one, f"{path}, waiver {n}") for n, one in enumerate(_entries(facts, "waivers", path), 1)
    )
    given = _entries(facts, "conditions", path)
    demands = tuple(_demand(one, f"{path}, condition {n}", waivers) for n, one in enumerate(given, 1))
    forgetting = _forgetting(facts, path)
    if not demands and not facts.get("golden") and forgetting is None:
        raise CallError(f"{path} asks for nothing. Give it conditions, golden rows, or forgetting.")
    _check_twice(demands, path)
    _check_contradictions([demand.condition for demand in demands], path)
    _check_waivers(waivers, demands, path)
    named = {
        key: _file(facts.get(key), f"{path}, {key}", path.parent) for key in ("rows", "golden", "live", "tests")
    }
    return Policy(
        path,
        text,
        demands,
        _level(facts.get("level", LEVEL), path),
        **named,
        cannot_tell_blocks=_blocks(facts, path),
        forgetting=forgetting,
    )


def forgetting_policy(settings: ForgettingSettings | None = None) -> Policy:
    """Give the policy of those who wrote none: that nothing is forgotten."""
    how = settings or ForgettingSettings()
    return Policy(Path(FORGETTING), f"{FORGETTING}: {how.model_dump_json()}\n", (), forgetting=how)


def _text(path: Path) -> str:
    try:
        return given_text(path, most_bytes=MOST_BYTES)
    except FileNotFoundError:
        raise CallError(
            f"There is no policy {path}. Write one with: metier init-policy RUN --output {path}"
        ) from None
    except FileFaultError as error:
        raise CallError(f"{path} cannot be read as a policy ({error}). Name a YAML file of UTF-8.") from None


def _check_version(facts: Mapping[str, Any], path: Path) -> None:
    if facts.get("version", VERSION) != VERSION:
        raise CallError(
            f"{path} is a policy of version {quoted(facts['version'])}, and this program knows version {VERSION}. "
            "Use the program that wrote it, or write a new policy with: metier init-policy RUN"
        )


def _mapping(found: Any, known: Sequence[str], origin: str) -> Mapping[str, Any]:
    if not isinstance(found, Mapping):
        raise CallError(f"{origin} is {_kind(found)}. Expected entries out of {', '.join(known)}.")
    for key in found:
        if key not in known:
            raise CallError(
                f"{origin} has an entry {quoted(key)}.{suggest(str(key), known)} Known are {', '.join(known)}."
            )
    return found


def _entries(facts: Mapping[str, Any], key: str, path: Path) -> Sequence[Any]:
    found = facts.get(key) or []
    if not isinstance(found, list):
        raise CallError(
            f"{path}, {key}: found {_kind(found)}. Expected a list, one entry a line that begins with -."
        )
    return found


def _demand(found: Any, origin: str, waivers: Sequence[Waiver]) -> Demand:
    if isinstance(found, str):
        found = {"condition": found}
    facts = _mapping(found, CONDITION_KEYS, origin)
    condition = Condition.parse(_words(facts.get("condition"), f"{origin}, condition"), origin=origin)
    severity = facts.get("severity", BLOCKER)
    if severity not in SEVERITIES:
        raise UnknownNameError("severity", str(severity)[:80], known=SEVERITIES)
    why = "" if facts.get("why") is None else _words(facts["why"], f"{origin}, why")
    waiver = next((one for one in waivers if one.condition == condition.text), None)
    return Demand(condition, severity, why, waiver)


def _waiver(found: Any, origin: str) -> Waiver:
    facts = _mapping(found, WAIVER_KEYS, origin)
    lacking = [key for key in WAIVER_KEYS if facts.get(key) in (None, "")]
    if lacking:
        raise CallError(
            f"{origin} does not say: {', '.join(lacking)}. A waiver names its condition, who answers for it, why, "
            "and until which day (until: 2027-01-31)."
        )
    until = facts["until"]
    try:
        day = until if isinstance(until, dt.date) else dt.date.fromisoformat(str(until))
    except ValueError:
        raise CallError(f"{origin}, until: {quoted(until)} is no day. Write it as 2027-01-31.") from None
    day = day.date() if isinstance(day, dt.datetime) else day
    condition, who, why = (_words(facts[key], f"{origin}, {key}") for key in ("condition", "who", "why"))
    return Waiver(condition, who, why, day)


def _check_twice(demands: Sequence[Demand], path: Path) -> None:
    texts = [demand.condition.text for demand in demands]
    twice = next((text for place, text in enumerate(texts) if text in texts[:place]), None)
    if twice is not None:
        raise CallError(f"{path} asks twice for {twice}. Leave one out: each takes a part of the error budget.")


def _check_contradictions(conditions: Sequence[Condition], path: Path) -> None:
    """Refuse two thresholds of a figure that no value keeps both of."""
    fixed = [one for one in conditions if one.other is None]
    for low, high in itertools.product(fixed, fixed):
        is_same = (low.figure, low.end) == (high.figure, high.end)
        if is_same and (low.sign, high.sign) == (AT_LEAST, AT_MOST) and low.added > high.added:
            raise CallError(
                f"{path} asks for {low.text} and for {high.text}, which no value keeps. Leave one out."
            )


def _check_waivers(waivers: Sequence[Waiver], demands: Sequence[Demand], path: Path) -> None:
    texts = [demand.condition.text for demand in demands]
    for waiver in waivers:
        if waiver.condition not in texts:
            raise CallError(
                f"{path} waives {quoted(waiver.condition)}, which it does not ask for.{suggest(waiver.condition, texts)} "
                "Write the condition as it stands in the list of conditions."
            )


def _words(found: Any, origin: str) -> str:
    if not isinstance(found, str) or not found.strip():
        raise CallError(f"{origin}: found {_kind(found)}. Expected a text.")
    return found.strip()


def _file(found: Any, origin: str, folder: Path) -> Path | None:
    return None if found is None else folder / _words(found, origin)


def _level(found: Any, path: Path) -> float:
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0.5 <= found < 1:
        raise CallError(
            f"{path}, level: found {quoted(found)}. Expected a number from 0.5 to below 1, such as 0.95: "
            "the probability that no verdict of the policy is wrong."
        )
    return float(found)


def _blocks(facts: Mapping[str, Any], path: Path) -> bool:
    found = facts.get("cannot_tell", BLOCKS)
    if found not in (BLOCKS, PASSES):
        raise CallError(f"{path}, cannot_tell: found {quoted(found)}. Expected {BLOCKS} or {PASSES}.")
    return bool(found == BLOCKS)


def _forgetting(facts: Mapping[str, Any], path: Path) -> ForgettingSettings | None:
    if FORGETTING not in facts:
        return None
    given = facts[FORGETTING] or {}
    origin, known = f"{path}, {FORGETTING}", list(ForgettingSettings.model_fields)
    if given is not True:
        given = _mapping(given, known, origin)
    try:
        return ForgettingSettings.model_validate({} if given is True else dict(given))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise CallError(
            f"{origin}, {place}: found {quoted(first['input'])}. Expected shares from 0 to 1 for all, labels, slices and "
            "behaviour, a number of rows for least_rows, true or false for edits, blocks or passes for cannot_tell, and "
            "names of labels for renamed."
        ) from None


def _kind(found: Any) -> str:
    if found is None:
        return "nothing"
    names = {str: "a text", list: "a list", dict: "a mapping", bool: "a truth value"}
    return names.get(type(found), "a number" if isinstance(found, int | float) else type(found).__name__)
