"""What the processes of one service know of one another: a file of whole numbers that all of them map.

One process writes each number: the supervisor the process ids, the restarts and whether the service is open; each worker
whether it is ready, and how often it was asked to look for other models.
"""

import mmap
from collections.abc import Sequence
from pathlib import Path

FIELDS = ("pid", "is_ready", "n_restarts", "n_reloads")
NUMBER_BYTES = 8


class WorkerBoard:
    """The numbers of the workers of a service.

    Parameters
    ----------
    path : Path
        A file that `create` made.
    """

    def __init__(self, path: Path):
        with path.open("r+b") as file:
            self._numbers = memoryview(mmap.mmap(file.fileno(), 0)).cast("q")
        self.path = path
        self.n_workers = (len(self._numbers) - 1) // len(FIELDS)

    @classmethod
    def create(cls, path: Path, n_workers: int) -> "WorkerBoard":
        """Make the file, all numbers 0."""
        path.write_bytes(bytes(NUMBER_BYTES * (1 + n_workers * len(FIELDS))))
        return cls(path)

    @property
    def is_open(self) -> bool:
        """Whether all workers have been ready once."""
        return bool(self._numbers[0])

    def open(self) -> None:
        """Note that all workers are ready."""
        self._numbers[0] = 1

    def read(self, worker: int, field: str) -> int:
        """Give a number of a worker."""
        return self._numbers[self._place(worker, field)]

    def write(self, worker: int, field: str, number: int) -> None:
        """Note a number of a worker."""
        self._numbers[self._place(worker, field)] = number

    def add(self, worker: int, field: str) -> None:
        """Count one more; only the process that writes the field may."""
        self._numbers[self._place(worker, field)] += 1

    def each(self, field: str) -> Sequence[int]:
        """Give a number of every worker."""
        return [self.read(worker, field) for worker in range(self.n_workers)]

    def _place(self, worker: int, field: str) -> int:
        return 1 + worker * len(FIELDS) + FIELDS.index(field)
