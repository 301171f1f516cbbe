"""Checks of the rows before training."""

from metier.audit.audit import CHECKS, RENAMED_CHECKS, Audit, examine
from metier.audit.finding import Finding
from metier.audit.leakage import drop_leaks
from metier.audit.source import Examined, examine_source

__all__ = [
    "CHECKS",
    "RENAMED_CHECKS",
    "Audit",
    "Examined",
    "Finding",
    "drop_leaks",
    "examine",
    "examine_source",
]
