"""Follow the aliases of a registry while it is served: a new version is loaded, tried, and only then takes over.

A thread of its own looks about once a second. What it loads answers its golden rows before a caller sees it, and takes the
place of the old version at once, in one assignment; requests that were begun before are finished by the old one, which is
let go with the last of them. Whatever goes wrong changes nothing but what is said: the old version goes on.
"""

import functools
import logging
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from metier.errors import MetierError
from metier.registry.pointers import Pointed
from metier.serving.answer_threads import AnswerThreads
from metier.serving.answering import Answering
from metier.serving.engine import Engine
from metier.serving.models import Model, Models
from metier.serving.settings import ServingSettings
from metier.serving.wanted import Wanted

LOG = logging.getLogger("metier.serving")
LOOK_SECONDS = 1.0
RETRY_SECONDS = 60.0  # Before a version that could not be loaded is tried again; SIGHUP tries at once.


class Source(Protocol):
    """Where versions come from, as `ServedRegistry`."""

    def now(self) -> dict[Wanted, Pointed | None]:
        """Give the version of each model that is wanted; None: there is none."""
        ...

    def check(self, found: Mapping[Wanted, Pointed | None]) -> dict[Wanted, Pointed]:
        """Give what can be served from the start, all of what is wanted."""
        ...

    def load(self, version: Pointed) -> Answering:
        """Load a version."""
        ...


@dataclass(frozen=True)
class Slot:
    """A version that is served for what is wanted."""

    version: Pointed
    engine: Engine


@dataclass
class _Failed:
    """Versions that could not be served, why, and when each was tried."""

    reasons: dict[Pointed, str] = field(default_factory=dict)
    tried: dict[Pointed, float] = field(default_factory=dict)

    def note(self, version: Pointed, reason: str) -> None:
        self.reasons[version], self.tried[version] = reason, time.monotonic()

    def is_fresh(self, version: Pointed) -> bool:
        return version in self.tried and time.monotonic() - self.tried[version] < RETRY_SECONDS


class HotSwap:
    """The models of a registry, kept as its aliases say.

    Parameters
    ----------
    source : Source
    settings : ServingSettings
    threads : AnswerThreads
        Those of all engines.

    Raises
    ------
    RegistryError, UnknownNameError
        As `ServedRegistry.check` does: at the beginning all that is wanted must be there.
    """

    def __init__(self, source: Source, settings: ServingSettings, threads: AnswerThreads):
        self._source, self._settings, self._threads = source, settings, threads
        found = source.check(source.now())
        known = {version: self._slot(version) for version in found.values()}
        self._slots = {wanted: known[version] for wanted, version in found.items()}
        self._failed, self._problems = _Failed(), tuple[str, ...]()
        self.swaps: Counter[tuple[str, str]] = (
            Counter()
        )  # By the name of the model, and `swapped` or `refused`.
        self._looking, self._wake, self._is_over = threading.Lock(), threading.Event(), False
        self._retries = False
        self._thread = threading.Thread(target=self._follow, name="metier-registry", daemon=True)
        self.models = Models(_models_of(self._slots), threads, self)

    @property
    def problems(self) -> tuple[str, ...]:
        """What keeps the aliases from being served as they are now, in sentences; empty: nothing does."""
        return self._problems

    def start(self) -> None:
        """Begin to follow the aliases, once the first versions are loaded."""
        self._thread.start()

    def stop(self) -> None:
        """End following; nobody waits for what is being loaded."""
        self._is_over = True
        self._wake.set()

    def look_now(self) -> None:
        """Have the thread look at once, and try again what failed; may be called by the handler of a signal."""
        self._retries = True
        self._wake.set()

    def look(self, *, retries: bool = False) -> None:
        """Serve what the aliases point to now, and keep what is served where that cannot be."""
        with self._looking:
            try:
                found = self._source.now()
            except (MetierError, OSError) as error:
                self._say([f"The registry cannot be read, so the versions stay as they are: {error}"])
                return
            if retries:
                self._failed = _Failed()
            problems: list[str] = []
            slots = {**self._slots, **{wanted: None for wanted in found if wanted not in self._slots}}
            known = {slot.version: slot for slot in self._slots.values()}
            after = {
                wanted: self._followed(wanted, slot, found.get(wanted), known, problems)
                for wanted, slot in slots.items()
            }
            self._take_over({wanted: slot for wanted, slot in after.items() if slot is not None})
            self._say(problems)

    def _follow(self) -> None:
        while not self._is_over:
            self._wake.wait(LOOK_SECONDS)
            self._wake.clear()
            retries, self._retries = self._retries, False
            if not self._is_over:
                self._look_safely(retries=retries)

    def _look_safely(self, *, retries: bool) -> None:
        try:
            self.look(retries=retries)
        except Exception:  # The thread must outlive whatever one look meets.
            LOG.exception("looking at the registry failed")

    def _followed(
        self,
        wanted: Wanted,
        slot: Slot | None,
        version: Pointed | None,
        known: dict[Pointed, Slot],
        problems: list[str],
    ) -> Slot | None:
        """Give what is to be served for what is wanted: the version that it points to, or the one before."""
        if version is None:
            problems.append(
                f"{wanted} is no longer in the registry. Version {slot.version.number} goes on."
                if slot
                else f"{wanted} is not in the registry."
            )
            return slot
        if slot is not None and slot.version == version:
            return slot
        if version in known or self._loads(version, known):
            return known[version]
        goes_on = "Nothing answers for it" if slot is None else f"Version {slot.version.number} goes on"
        problems.append(
            f"Version {version.number} of {wanted} is not served: {self._failed.reasons[version]} {goes_on}."
        )
        return slot

    def _loads(self, version: Pointed, known: dict[Pointed, Slot]) -> bool:
        """Load a version and let it answer its golden rows; False: it cannot be served."""
        if self._failed.is_fresh(version):
            return False
        slot, name = self._slot(version), version.folder.parent.name
        try:
            slot.engine.load()
        except Exception as error:
            self._failed.note(
                version, str(error) if isinstance(error, MetierError) else f"{type(error).__name__}."
            )
            self.swaps[name, "refused"] += 1
            return False
        known[version] = slot
        return True

    def _slot(self, version: Pointed) -> Slot:
        load = functools.partial(self._source.load, version)
        return Slot(version, Engine(load, self._settings, self._threads))

    def _take_over(self, slots: Mapping[Wanted, Slot]) -> None:
        before = self._slots
        if slots == before:
            return
        self.models.replace(_models_of(slots))
        self._slots = dict(slots)
        for wanted, slot in slots.items():
            old = before.get(wanted)
            if old != slot:
                since = "" if old is None else f", version {old.version.number} no longer"
                LOG.info("version %d answers as %s%s", slot.version.number, wanted, since)
                self.swaps[wanted.name, "swapped"] += 1

    def _say(self, problems: Sequence[str]) -> None:
        """Log what is new among the problems, and that there are none any more."""
        for problem in problems:
            if problem not in self._problems:
                LOG.warning("%s", problem)
        if self._problems and not problems:
            LOG.info("the registry is served as its aliases say again")
        self._problems = tuple(problems)


def _models_of(slots: Mapping[Wanted, Slot]) -> list[Model]:
    """Give each version once, with all aliases under which it is served."""
    names: dict[tuple[str, int], list[Wanted]] = {}
    for wanted, slot in slots.items():
        names.setdefault((wanted.name, slot.version.number), []).append(wanted)
    return [
        Model(name, slots[some[0]].engine, number, tuple(one.alias for one in some if one.alias is not None))
        for (name, number), some in names.items()
    ]
