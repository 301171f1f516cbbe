"""What a supervisor and a worker say to one another through their pipe."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metier.errors import CallError, MetierError
from metier.serving.models import Served
from metier.serving.settings import ServingSettings
from metier.serving.traffic import Stopped
from metier.serving.workers.memory import Memory


@dataclass(frozen=True)
class WorkerTask:
    """What a worker has to do.

    Parameters
    ----------
    load : callable, mapping of str to callable, or Changing
        As `build_app` takes it; one that can be pickled.
    describe : callable
        Says of the loaded model what the supervisor is told; one that can be pickled.
    settings : ServingSettings
    board : Path
        The file of the board.
    number : int
        Which worker this is, from 0.
    listening : int
        The file descriptor of the socket.
    """

    load: Served
    describe: Callable[[Any], Any]
    settings: ServingSettings
    board: Path
    number: int
    listening: int


@dataclass(frozen=True)
class Ready:
    """A worker has loaded the model and answered its warm-up questions."""

    description: Any


@dataclass(frozen=True)
class Failed:
    """A worker could not load the model.

    Parameters
    ----------
    message : str
    kind : type
        The nearest of ours: CallError, MetierError, or RuntimeError where the failure is none of a user's.
    """

    message: str
    kind: type[Exception]

    @classmethod
    def of(cls, failure: Exception) -> "Failed":
        """Describe a failure; itself it may not survive the way through a pipe."""
        kind = next((kind for kind in (CallError, MetierError) if isinstance(failure, kind)), RuntimeError)
        told = str(failure) if kind is not RuntimeError else f"{type(failure).__name__}: {failure}"
        return cls(told, kind)

    def as_error(self) -> Exception:
        """Give an error that says it."""
        return self.kind(self.message)


@dataclass(frozen=True)
class Ended:
    """A worker was asked to stop, and has."""

    stopped: Stopped


@dataclass(frozen=True)
class Started:
    """The service is ready: all its workers are.

    Parameters
    ----------
    description : object
        What `describe` said of the model.
    memory : list of Memory
        Of each worker, as far as the machine says.
    """

    description: Any
    memory: list[Memory]
