"""What is wrong with the rows, before anything is trained on them."""

from metier.audit.audit import CHECKS, Audit, examine
from metier.audit.finding import Finding
from metier.audit.leakage import drop_leaks
from metier.audit.source import Examined, examine_source

__all__ = ["CHECKS", "Audit", "Examined", "Finding", "drop_leaks", "examine", "examine_source"]
