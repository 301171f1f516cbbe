"""Learn new labelled rows and keep what was known."""

from metier.continual.update.labels import Edits
from metier.continual.update.methods.table import METHODS
from metier.continual.update.preparation import UpdateOptions
from metier.continual.update.replay_store import erase_replayed
from metier.continual.update.replaying import Keeping
from metier.continual.update.result import JudgedRows, UpdateResult
from metier.continual.update.updating import update

__all__ = [
    "METHODS",
    "Edits",
    "JudgedRows",
    "Keeping",
    "UpdateOptions",
    "UpdateResult",
    "erase_replayed",
    "update",
]
