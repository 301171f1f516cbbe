"""The queue of rows that are worth a label: strategies that choose, the store, and when to stop.

The store is imported on first use: strategies alone do without SQLAlchemy.
"""

from typing import TYPE_CHECKING

from metier import late_names
from metier.continual.queue.items import Answer, Item, Label, NewItem

if TYPE_CHECKING:
    from metier.continual.queue.store import QueueStore

__all__ = ["Answer", "Item", "Label", "NewItem", "QueueStore"]

__getattr__ = late_names.found_late(__name__, {"QueueStore": "store"})
