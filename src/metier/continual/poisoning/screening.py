"""Which corrections a model may learn: every test over all of them, and the first reason against each.

Nothing is dropped: what is held back is given with its reason, for a person to let through.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, Field

from metier.continual.poisoning.conformity import correction_p_values, rows_that_tell
from metier.continual.poisoning.corrections import Corrections, Trusted
from metier.continual.poisoning.held import INFLUENCE, KEY, OUTLIER, PAIR, RATE, Held, Screened
from metier.continual.poisoning.keys import FITS_BADLY, key_evidence, keys_against, wrong_of
from metier.continual.poisoning.limits import beyond_influence, beyond_rate
from metier.continual.poisoning.pairs import Pair, pairs_against


class PoisoningSettings(BaseModel, frozen=True, extra="forbid"):
    """Settings of the tests that corrections must pass before a model learns them."""

    corrections_per_day: int = Field(
        default=500, ge=1, description="Corrections of one key that are learned within 24 hours."
    )
    outlier_fraction: float = Field(
        default=0.1,
        ge=0,
        lt=1,
        description="Share, 0 to 1, of true corrections that the test of single rows may hold back by mistake; 0: none.",
    )
    wrong_fraction: float = Field(
        default=0.2,
        gt=0,
        lt=1,
        description="Share, 0 to 1, of a key's corrections that may be wrong by mistake before the key is held back.",
    )
    false_alarms: float = Field(
        default=0.05,
        gt=0,
        lt=1,
        description="Share, 0 to 1, of the keys that are held back which mean well; and probability of a wrong alarm over "
        "all pairs of labels.",
    )
    influence_fraction: float = Field(
        default=0.25,
        gt=0,
        description="Corrections to one label that a key may add, as a share of the rows that the label has already.",
    )
    least_influence: int = Field(
        default=5, ge=1, description="Corrections to one label that a key may always add."
    )


def screen(corrections: Corrections, trusted: Trusted, settings: PoisoningSettings | None = None) -> Screened:
    """Say which corrections may be learned, and why the others are held back.

    Parameters
    ----------
    corrections : Corrections
        In the order in which they came, those of earlier calls with them: a key is judged by all that it has said.
    trusted : Trusted
    settings : PoisoningSettings, optional

    Raises
    ------
    DataError
        If a correction says a label that no trusted row has.
    """
    how = settings or PoisoningSettings()
    trusted.check_labels(corrections)
    tests = _Tests.of(corrections, trusted, how)
    held = [one for row in range(len(corrections)) if (one := tests.against(row)) is not None]
    accepted = np.ones(len(corrections), dtype=bool)
    accepted[[one.row for one in held]] = False
    rows_of = Counter(trusted.reference_labels)
    beyond = beyond_influence(
        corrections.keys,
        corrections.said,
        accepted,
        rows_of,
        fraction=how.influence_fraction,
        least=how.least_influence,
    )
    held += [_beyond_influence(corrections, int(row), rows_of) for row in np.flatnonzero(beyond)]
    return Screened(
        accepted & ~beyond, tuple(sorted(held, key=lambda one: one.row)), tuple(_notes(trusted, how))
    )


@dataclass(frozen=True)
class _Tests:
    """The tests of all corrections together.

    Parameters
    ----------
    beyond : ndarray of bool of shape (n_corrections,)
        Which came too fast.
    keys : mapping of str to (int, int)
        Keys held back, with how many of their corrections fit badly, and how many there are.
    pairs : mapping of (str, str) to Pair
        Pairs of labels held back.
    """

    corrections: Corrections
    settings: PoisoningSettings
    beyond: np.ndarray
    p_values: np.ndarray
    keys: Mapping[str, tuple[int, int]]
    pairs: Mapping[tuple[str, str], Pair]

    @classmethod
    def of(cls, corrections: Corrections, trusted: Trusted, how: PoisoningSettings) -> "_Tests":
        p_values = correction_p_values(corrections, trusted)
        evidence = key_evidence(corrections, p_values, wrong_fraction=how.wrong_fraction)
        keys = keys_against(evidence, false_alarms=how.false_alarms)
        pairs = pairs_against(corrections, trusted, false_alarms=how.false_alarms)
        return cls(
            corrections,
            how,
            beyond_rate(corrections.keys, corrections.seconds, per_day=how.corrections_per_day),
            p_values,
            {key: wrong_of(corrections, p_values, key) for key in keys},
            {(pair.answered, pair.said): pair for pair in pairs},
        )

    def against(self, row: int) -> Held | None:
        """Give the first reason against a correction; None: there is none so far."""
        given = self.corrections
        key, answered, said = given.keys[row], given.answered[row], given.said[row]
        if self.beyond[row]:
            return self._too_fast(row)
        if key in self.keys:
            return self._untrusted(row)
        if (answered, said) in self.pairs:
            return self._pair(row, self.pairs[answered, said])
        if self.p_values[row] <= self.settings.outlier_fraction:
            return self._outlier(row)
        return None

    def _held(self, row: int, reason: str, sentence: str, **facts: object) -> Held:
        return Held(row, self.corrections.ids[row], self.corrections.keys[row], reason, sentence, facts)

    def _too_fast(self, row: int) -> Held:
        most = self.settings.corrections_per_day
        sentence = f"key {self.corrections.keys[row]} has sent {most} corrections within 24 hours already"
        return self._held(row, RATE, sentence, most=most)

    def _untrusted(self, row: int) -> Held:
        key = self.corrections.keys[row]
        wrong, of = self.keys[key]
        chance = f"{100 * FITS_BADLY:g} %"
        sentence = f"{wrong} of the {of} corrections of key {key} contradict trusted rows, where {chance} may by chance"
        return self._held(row, KEY, sentence, wrong=wrong, of=of)

    def _pair(self, row: int, pair: Pair) -> Held:
        sentence = (
            f"{pair.count} of {pair.of} answers {pair.answered} were corrected to {pair.said}, and of trusted rows "
            f"{pair.trusted_count} of {pair.trusted_of} are so"
        )
        return self._held(row, PAIR, sentence, count=pair.count, of=pair.of, p_value=pair.p_value)

    def _outlier(self, row: int) -> Held:
        p_value = float(self.p_values[row])
        said, share = self.corrections.said[row], f"{100 * p_value:.1f} %"
        sentence = f"the question is unlike those of {said}: of true corrections {share} fit as badly"
        return self._held(row, OUTLIER, sentence, p_value=p_value)


def _beyond_influence(corrections: Corrections, row: int, rows_of: Mapping[str, int]) -> Held:
    key, label = corrections.keys[row], corrections.said[row]
    has = rows_of.get(label, 0)
    sentence = f"key {key} has added its share to {label} already, which has {has} trusted rows"
    return Held(row, corrections.ids[row], key, INFLUENCE, sentence, {"trusted_rows": has})


def _notes(trusted: Trusted, how: PoisoningSettings) -> Iterator[str]:
    """Say which tests have too few trusted rows."""
    if not how.outlier_fraction:
        return
    wrong = sum(answer != label for answer, label in zip(trusted.answered, trusted.labels, strict=True))
    needed = rows_that_tell(how.outlier_fraction)
    if wrong < needed:
        yield (
            f"single corrections and keys are not tested: {wrong} trusted rows are answered wrong, and {needed} would tell"
        )
