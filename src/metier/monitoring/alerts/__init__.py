"""Alarms to people: settings are light; what sends is imported on first use."""

from typing import TYPE_CHECKING

from metier import late_names

if TYPE_CHECKING:
    from metier.monitoring.alerts.recording import record_findings
    from metier.monitoring.alerts.settings import AlertSettings
    from metier.monitoring.alerts.telling import StoredAlerts

__all__ = ["AlertSettings", "StoredAlerts", "record_findings"]

__getattr__ = late_names.found_late(
    __name__, {"AlertSettings": "settings", "StoredAlerts": "telling", "record_findings": "recording"}
)
