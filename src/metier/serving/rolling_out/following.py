"""Follow the roll-outs of a registry while it is served: load what is rolled out, and tell what was observed.

A thread of its own looks about once a second. A process that is killed loses what it observed since the last look; whatever
a decision changes stands in the registry, and every process follows it.
"""

import functools
import logging
import os
import threading
from collections.abc import Callable, Mapping

from metier.errors import MetierError
from metier.registry.registry import CHALLENGER, CHAMPION, Registry
from metier.registry.rolling_out import RollOuts
from metier.registry.running import Running, Status
from metier.serving.answer_threads import AnswerThreads
from metier.serving.answering import Answering
from metier.serving.engine import Engine
from metier.serving.models import Model, Models
from metier.serving.rolling_out.live import Live
from metier.serving.rolling_out.observations import Observations
from metier.serving.settings import ServingSettings

LOG = logging.getLogger("metier.serving")
LOOK_SECONDS = 1.0
SHADOW_NICENESS = 10  # Of the thread of shadows: whoever waits for an answer goes first.
SHADOWS_WAITING = 4
# With one thread a quick model would be asked in the event loop, which others wait for.
OF_SHADOWS = {"threads": 2, "max_waiting": SHADOWS_WAITING, "cache_entries": 0, "batching": False}


class RollOutFollower:
    """The roll-outs of the models that a process serves.

    Parameters
    ----------
    open_registry : callable
        Opens the registry; called in the thread.
    load : callable taking a name and a number
        Loads a version.
    models : Models
    settings : ServingSettings
    threads : AnswerThreads
        Those that answer.
    """

    def __init__(
        self,
        open_registry: Callable[[], Registry],
        load: Callable[[str, int], Answering],
        models: Models,
        settings: ServingSettings,
        threads: AnswerThreads,
    ):
        self._open_registry, self._load, self._models = open_registry, load, models
        self._settings, self._threads = settings, threads
        self._roll_outs: RollOuts | None = None
        self._live: Mapping[str, Live] = {}
        self._failed: set[int] = set()
        self._has_failed = False
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="metier-roll-outs", daemon=True)
        self._shadow_threads: AnswerThreads | None = None

    def live(self, model: Model, asked: str | None) -> Live | None:
        """Give the roll-out in which a model is the champion; None: there is none, or a caller names the version."""
        found = self._live.get(model.name)
        names_version = asked is not None and "/" in asked
        if found is None or names_version or model.version != found.running.champion:
            return None
        return found if CHAMPION in model.aliases else None

    def live_of(self, name: str) -> Live | None:
        """Give the roll-out of a model by its name."""
        return self._live.get(name)

    @property
    def has_spare_thread(self) -> bool:
        """Whether a shadow may be asked: nobody waits, and it has not too much to do itself."""
        shadows = self._shadow_threads
        is_free = shadows is not None and shadows.n_taken < SHADOWS_WAITING
        return is_free and self._threads.n_taken < self._settings.threads

    @property
    def runs(self) -> bool:
        """Whether the thread has begun."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def stop(self) -> None:
        """Tell what was observed, and end."""
        self._is_over.set()
        if self._thread.is_alive():
            self._thread.join(LOOK_SECONDS)
        if self._shadow_threads is not None:
            self._shadow_threads.stop()

    def look(self) -> None:
        """Tell what was observed, and follow what runs now."""
        if self._roll_outs is None:
            self._roll_outs = RollOuts(self._open_registry())
        for live in self._live.values():
            self._tell(self._roll_outs, live)
        running = self._roll_outs.running()
        followed = {name: self._followed(name, one) for name, one in running.items()}
        self._live = {name: live for name, live in followed.items() if live is not None}

    def _follow(self) -> None:
        while not self._is_over.wait(LOOK_SECONDS):
            self._look_safely()
        self._look_safely()

    def _look_safely(self) -> None:
        try:
            self.look()
        except (MetierError, OSError) as failure:
            if not self._has_failed:
                LOG.warning(
                    "The roll-outs of the registry cannot be followed now; it is tried again. %s", failure
                )
            self._has_failed = True
        except Exception:  # The thread must outlive whatever one look meets.
            LOG.exception("following roll-outs failed")
        else:
            self._has_failed = False

    def _tell(self, roll_outs: RollOuts, live: Live) -> None:
        observed = live.observations.take()
        if observed is None:
            return
        try:
            after = roll_outs.add(live.running, observed)
        except BaseException:
            live.observations.put_back(observed)
            raise
        if after.status is not Status.RUNNING:
            LOG.warning("roll-out of version %d of %s: %s", after.challenger, after.name, after.status.value)
            self._models.look_now()

    def _followed(self, name: str, running: Running) -> Live | None:
        """Give a roll-out that runs, its version loaded; None: that is not served here, or cannot be loaded."""
        known = self._live.get(name)
        if known is not None and known.running.id == running.id:
            return Live(running, known.challenger, known.observations)
        is_served = any(model.name == name and CHAMPION in model.aliases for model in self._models.each)
        if not is_served or running.id in self._failed:
            return None
        engine = self._engine(running)
        try:
            engine.load()
        except Exception as failure:
            self._failed.add(running.id)
            LOG.error(
                "Version %d of %s cannot be loaded, so nobody is answered by it: %s",
                running.challenger,
                name,
                failure if isinstance(failure, MetierError) else type(failure).__name__,
            )
            return None
        challenger = Model(name, engine, running.challenger, (CHALLENGER,))
        return Live(running, challenger, Observations(running))

    def _engine(self, running: Running) -> Engine:
        load = functools.partial(self._load, running.name, running.challenger)
        if not running.is_shadow:
            return Engine(load, self._settings, self._threads)
        if self._shadow_threads is None:
            self._shadow_threads = AnswerThreads(1)
            self._shadow_threads.submit(_go_last)
        return Engine(load, self._settings.model_copy(update=OF_SHADOWS), self._shadow_threads)


def _go_last() -> None:
    """Let the thread that calls this have what others leave; Linux counts niceness by thread."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), SHADOW_NICENESS)
