"""What the watch has found, whatever the signal: what moved, since when, by how much, in a sentence and in facts."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Kind = Literal["surge", "drift", "accuracy", "source", "store", "model"]
Severity = Literal["info", "warning", "critical"]


@dataclass(frozen=True)
class Finding:
    """One thing that a person should know.

    Parameters
    ----------
    kind : str
        Which signal found it.
    series : mapping of str to str
        What it is about, such as `{"company": "Acme", "topic": "delivery"}`; empty: everything.
    sentence : str
        What was found, in English, with numbers and their interval.
    since, raised : datetime
        From when, and when it was first told, or of one that is over, when it ended; in UTC.
    severity : str
    is_over : bool
        Whether it has ended; the same finding is told again with it.
    facts : mapping
        JSON values: observed, expected, times, low, high, examples, also moved, smallest size that would be found.
    """

    kind: Kind
    series: Mapping[str, str]
    sentence: str
    since: datetime
    raised: datetime
    severity: Severity = "warning"
    is_over: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that are the same for the same kind and series, so that it is told once."""
        named = "\x1f".join([self.kind, *(f"{key}\x1e{value}" for key, value in sorted(self.series.items()))])
        return hashlib.sha256(named.encode()).hexdigest()[:16]
