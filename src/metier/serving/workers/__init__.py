"""Several processes that answer on one port: a supervisor listens, starts workers anew, and stops or reloads them."""

from metier.serving.workers.board import WorkerBoard
from metier.serving.workers.memory import Memory, memory_of

__all__ = ["Memory", "WorkerBoard", "memory_of"]
