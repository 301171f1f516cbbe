"""The store of a watch; its tables, and Arrow for what is exported, are imported on first use."""

from typing import TYPE_CHECKING

from metier import late_names

if TYPE_CHECKING:
    from metier.monitoring.store.parquet import export_counts, export_messages
    from metier.monitoring.store.period_counts import PeriodCounts
    from metier.monitoring.store.watch_store import WatchStore

__all__ = ["PeriodCounts", "WatchStore", "export_counts", "export_messages"]

__getattr__ = late_names.found_late(
    __name__,
    {
        "PeriodCounts": "period_counts",
        "WatchStore": "watch_store",
        "export_counts": "parquet",
        "export_messages": "parquet",
    },
)
