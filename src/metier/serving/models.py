"""The models of a service by what callers name them: one, several by name, or versions of a registry.

All share one pool of threads and one bounded queue. Whoever answers a request finds its model once, at the beginning, and
holds on to it: what is replaced meanwhile still answers, and is let go with its last request.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from metier.errors import MOST_NAMED, quoted, suggest
from metier.serving.answer_threads import AnswerThreads
from metier.serving.answering import Answering
from metier.serving.engine import Engine
from metier.serving.metrics import Metrics
from metier.serving.refusals import RefusalError
from metier.serving.settings import ServingSettings

ONLY = "model"  # What a model is called that nobody named.
Load = Callable[[], Answering]


@dataclass(frozen=True)
class Model:
    """A model that is served.

    Parameters
    ----------
    name : str
    engine : Engine
    version : int, optional
        Its number in the registry; None: it comes from none.
    aliases : tuple of str
        The aliases under which it is served: `champion`.
    is_named : bool, default=True
        Whether answers say which model gave them; not where a single bundle is served.
    """

    name: str
    engine: Engine
    version: int | None = None
    aliases: tuple[str, ...] = ()
    is_named: bool = True

    @property
    def facts(self) -> dict[str, Any]:
        """What answers say beside `answered_by`: `model`, and `version` where there is one."""
        if not self.is_named:
            return {}
        return {"model": self.name} | ({} if self.version is None else {"version": self.version})

    @property
    def addresses(self) -> tuple[str, ...]:
        """What callers may name it, besides its bare name: `support@champion`, `support/3`."""
        by_alias = tuple(f"{self.name}@{alias}" for alias in self.aliases)
        return by_alias if self.version is None else (*by_alias, f"{self.name}/{self.version}")


class Follower(Protocol):
    """What replaces models while they are served, as the aliases of a registry move."""

    swaps: Counter[tuple[str, str]]  # By the name of the model, and `swapped` or `refused`.

    @property
    def problems(self) -> tuple[str, ...]:
        """What keeps models from being served as they should be now, in sentences."""
        ...

    def start(self) -> None:
        """Begin, once the first models are loaded."""
        ...

    def stop(self) -> None:
        """End; nobody waits for what is being loaded."""
        ...

    def look_now(self) -> None:
        """Look at once whether a model has to be replaced."""
        ...


@runtime_checkable
class Changing(Protocol):
    """Where models come from that change while they are served, as a registry."""

    def models(self, settings: ServingSettings, threads: AnswerThreads) -> "Models":
        """Give the models as they are now, not yet loaded."""
        ...


Served = Load | Mapping[str, Load] | Changing


class Models:
    """The models that are served now.

    Parameters
    ----------
    models : sequence of Model
        At least one; the first of a name has its bare name, and the first of all answers who names none.
    threads : AnswerThreads
        Those that load and answer.
    follower : Follower, optional
        What replaces them; None: they stay.
    """

    def __init__(self, models: Sequence[Model], threads: AnswerThreads, follower: Follower | None = None):
        self.threads, self._follower = threads, follower
        self.when_replaced: Callable[[], None] = lambda: None  # Called by the thread that replaced some.
        self.replace(models)

    @classmethod
    def of(cls, load: Served, settings: ServingSettings, metrics: Metrics | None = None) -> "Models":
        """Make it of what loads one model, of what loads each by its name, or of where they come from."""
        threads = AnswerThreads(settings.threads, metrics)
        if isinstance(load, Changing):
            return load.models(settings, threads)
        if not isinstance(load, Mapping):
            return cls([Model(ONLY, Engine(load, settings, threads), is_named=False)], threads)
        return cls([Model(name, Engine(one, settings, threads)) for name, one in load.items()], threads)

    @property
    def each(self) -> tuple[Model, ...]:
        """All of them."""
        return self._each

    @property
    def first(self) -> Model:
        """The only one, or the first."""
        return self._each[0]

    @property
    def is_followed(self) -> bool:
        """Whether they are replaced while they are served."""
        return self._follower is not None

    @property
    def problems(self) -> tuple[str, ...]:
        """What keeps models from being served as they should be now, in sentences; what was served before goes on."""
        return () if self._follower is None else self._follower.problems

    @property
    def swaps(self) -> Mapping[tuple[str, str], int]:
        """How often a version took over or was refused, by the name of the model and `swapped` or `refused`."""
        return {} if self._follower is None else dict(self._follower.swaps)

    @property
    def is_busy(self) -> bool:
        """Whether a thread loads or answers at this moment."""
        return self.threads.n_taken > 0

    def replace(self, models: Sequence[Model]) -> None:
        """Serve these from now on; a request finds all of the old ones or all of the new ones."""
        found: dict[str, Model] = {}
        for model in models:
            for address in (model.name, *model.addresses):
                found.setdefault(address, model)
        self._each, self._by_address = tuple(models), found
        self.when_replaced()

    def find(self, asked: str | None = None) -> Model:
        """Give the model that a caller names: `support`, `support@champion`, `support/3`; None: the first.

        Raises
        ------
        RefusalError
            If there is none of that name (404).
        """
        if asked is None:
            return self.first
        found = self._by_address.get(asked)
        if found is None:
            known = list(self._by_address)
            some = ", ".join(known[:MOST_NAMED]) + (", ..." if len(known) > MOST_NAMED else "")
            message = f"There is no model called {quoted(asked)}.{suggest(asked, known)} Served: {some}."
            raise RefusalError(404, "unknown_model", message, field="model")
        return found

    def find_for_client(self, asked: str | None) -> Model:
        """Give the model that a client of OpenAI names; it must name one, so a single model answers to any name."""
        return self.find(asked if self.first.is_named else None)

    async def start(self) -> None:
        """Load all of them; raises what the first raised that could not be loaded."""
        await asyncio.gather(*(model.engine.start() for model in self._each))
        if self._follower is not None:
            self._follower.start()

    def look_now(self) -> None:
        """Look at once whether a model has to be replaced."""
        if self._follower is not None:
            self._follower.look_now()

    def check_ready(self) -> None:
        """Raise RefusalError (503) unless all of them are loaded and warm."""
        for model in self._each:
            model.engine.check_ready()

    def stop(self) -> None:
        """Let the threads end once they have done what they do; nobody waits for them."""
        if self._follower is not None:
            self._follower.stop()
        self.threads.stop()
