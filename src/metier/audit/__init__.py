"""What is wrong with the rows, before anything is trained on them."""

from metier.audit.audit import CHECKS, Audit, examine
from metier.audit.finding import Finding
from metier.audit.leakage import drop_leaks

__all__ = ["CHECKS", "Audit", "Finding", "drop_leaks", "examine"]
