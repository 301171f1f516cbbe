"""What the files of a pack are filled with, and whether their folder may be written."""

import re
from pathlib import Path

from pydantic import BaseModel, Field

from metier.errors import CallError

PACK_FILE = "pack.json"  # Only a folder that holds one was written here, and may be replaced.
NAME = re.compile(r"[a-z](?:[-a-z0-9]{0,38}[a-z0-9])?")
IMAGE = re.compile(r"[a-z0-9](?:[A-Za-z0-9._/:@-]{0,198}[A-Za-z0-9])?")
MEBIBYTE = 1 << 20
STEP = 32 * MEBIBYTE  # Requests and limits are rounded up to it.
LEAST = 128 * MEBIBYTE


class PackSettings(BaseModel, frozen=True, extra="forbid"):
    """What the files of a pack are filled with."""

    name: str = Field(description="Name of the service and of its Kubernetes objects.")
    image: str = Field(description="Name and tag of the image.")
    memory_bytes: int = Field(ge=1, description="Resident memory of the service once it has answered.")
    threads: int = Field(default=1, ge=1, description="Requests answered at the same time; cores of a replica.")
    port: int = Field(default=8000, ge=1024, le=65_535, description="Port of the service.")
    replicas: int = Field(default=2, ge=1, description="Least replicas.")
    most_replicas: int = Field(default=10, ge=1, description="Most replicas.")

    @property
    def memory_request(self) -> int:
        """What a scheduler keeps free for a replica, in MiB: a quarter more than was measured."""
        return _rounded(self.memory_bytes * 5 // 4)

    @property
    def memory_limit(self) -> int:
        """What a replica may take, in MiB: twice what was measured, for the largest requests."""
        return _rounded(self.memory_bytes * 2)

    @property
    def in_flight(self) -> int:
        """Requests in flight of a replica that more replicas are started above: one answered, three waiting a core."""
        return 4 * self.threads


def check_settings(settings: PackSettings) -> None:
    """Check the names, which stand in files of other programs.

    Raises
    ------
    CallError
        If the service or the image cannot be called so.
    """
    if not NAME.fullmatch(settings.name):
        raise CallError(
            f"A service cannot be called {settings.name!r}: Kubernetes takes at most 40 lower-case letters, digits and "
            "'-', the first a letter. Choose another with --name."
        )
    if not IMAGE.fullmatch(settings.image):
        raise CallError(
            f"{settings.image!r} is not the name of an image. Write it as registry.example.org/team/name:tag."
        )


def name_of(bundle: Path) -> str:
    """Give a name for the service of a run or bundle: that of its folder as far as Kubernetes takes it."""
    kept = re.sub(r"[^a-z0-9]+", "-", bundle.resolve().name.lower()).strip("-")
    kept = kept.lstrip("0123456789-")[:40].rstrip("-")
    return kept or "model"


def check_target(folder: Path, *, overwrite: bool) -> None:
    """Check that a folder may be written: it is not there, or is a pack that may be replaced.

    Raises
    ------
    CallError
        If there is a file or a folder that must stay.
    """
    if not folder.exists() and not folder.is_symlink():
        return
    if not overwrite:
        raise CallError(f"{folder} exists already. Add --overwrite, or name another folder.")
    if folder.is_symlink() or not (folder / PACK_FILE).is_file():
        raise CallError(
            f"{folder} was not written by metier pack (it holds no {PACK_FILE}), so it is not replaced. "
            "Name another folder."
        )


def _rounded(size: int) -> int:
    return max(LEAST, -(-size // STEP) * STEP) // MEBIBYTE
