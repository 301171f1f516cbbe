"""The numbers that answers leave for the evidence of a roll-out, gathered until they are told to the registry."""

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from metier.registry.criteria import CONFIDENCE, CORRECTIONS, DISAGREEMENT, ERRORS
from metier.registry.roll_out import canary_numbers
from metier.registry.running import Observed, Running

MOST_KEPT = 50_000  # Numbers of one criterion, while the registry cannot be written.
Records = Sequence[Mapping[str, Any]]


class Observations:
    """What was observed of a roll-out in this process and is not told yet.

    Parameters
    ----------
    running : Running
        The roll-out.
    """

    def __init__(self, running: Running):
        self._running = running
        self._lock = threading.Lock()
        self._n_requests = self._n_challenger = 0
        self._numbers: dict[str, list[tuple[str | None, float]]] = {name: [] for name in running.criteria}

    def canary(self, key: str | None, *, is_new: bool, records: Records | None) -> None:
        """Note the answers of one version to a request, by who asked (hashed); None: it failed."""
        numbers = {ERRORS: float(records is None)}
        if records is not None and (lacking := lacking_confidence(records)) is not None:
            numbers[CONFIDENCE] = lacking
        self._add(
            key,
            {name: self._weighted(is_new, number) for name, number in numbers.items()},
            n_requests=1,
            n_challenger=int(is_new),
        )

    def shadow(self, old: Records, new: Records | None) -> None:
        """Note the answers of both versions to a request; None: the new one failed."""
        numbers = {ERRORS: float(new is None)}
        if new is not None:
            numbers[DISAGREEMENT] = disagreement(old, new)
            before, after = lacking_confidence(old), lacking_confidence(new)
            if before is not None and after is not None:
                numbers[CONFIDENCE] = after - before
        self._add(None, numbers, n_requests=1, n_challenger=1)

    def passed(self) -> None:
        """Note a request for which the shadow was not asked."""
        self._add(None, {}, n_requests=1, n_challenger=0)

    def corrected(self, key: str, *, is_new: bool, is_wrong: bool) -> None:
        """Note what feedback says of the answer of one version, by who asked (hashed)."""
        self._add(key, {CORRECTIONS: self._weighted(is_new, float(is_wrong))})

    def corrected_both(self, key: str, *, old_is_wrong: bool, new_is_wrong: bool) -> None:
        """Note what feedback says of the answers of both versions."""
        self._add(key, {CORRECTIONS: float(new_is_wrong) - float(old_is_wrong)})

    def take(self) -> Observed | None:
        """Give what was observed since the last time; None: nothing."""
        with self._lock:
            if not self._n_requests and not any(self._numbers.values()):
                return None
            taken = Observed(self._n_requests, self._n_challenger, self._numbers)
            self._n_requests = self._n_challenger = 0
            self._numbers = {name: [] for name in self._numbers}
        return taken

    def put_back(self, taken: Observed) -> None:
        """Keep what could not be told."""
        with self._lock:
            self._n_requests += taken.n_requests
            self._n_challenger += taken.n_challenger
            for name, numbers in taken.numbers.items():
                self._numbers[name] = [*numbers, *self._numbers[name]][:MOST_KEPT]

    def _weighted(self, is_new: bool, number: float) -> float:
        return float(canary_numbers([is_new], [number], share=self._running.share)[0])

    def _add(
        self, key: str | None, numbers: Mapping[str, float], *, n_requests: int = 0, n_challenger: int = 0
    ) -> None:
        with self._lock:
            self._n_requests += n_requests
            self._n_challenger += n_challenger
            for name, number in numbers.items():
                if name in self._numbers and len(self._numbers[name]) < MOST_KEPT:
                    self._numbers[name].append((key, number))


def disagreement(old: Records, new: Records) -> float:
    """Give on which share of the questions two versions answer differently."""
    return float(np.mean([_said(one) != _said(other) for one, other in zip(old, new, strict=True)]))


def lacking_confidence(records: Records) -> float | None:
    """Give what the probabilities of some answers lack of 1, on average; None: they have none."""
    found = [record["probability"] for record in records if "probability" in record]
    return float(np.clip(1 - np.mean(found), 0, 1)) if found else None


def _said(record: Mapping[str, Any]) -> Any:
    """Give what an answer says, without how sure it is."""
    if "label" in record:
        return record["label"]
    if "labels" in record:
        return set(record["labels"])
    unsure = ("probability", "probabilities", "scope_score", "answered_by", "prediction_id")
    return {name: value for name, value in record.items() if name not in unsure}
