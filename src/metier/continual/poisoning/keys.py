"""Whether the corrections of a key agree with trusted rows: a test that may be looked at after every correction.

Of a key that means well at most a stated share of corrections has a small p-value. Each correction is a bet against that
(`registry.betting`); the capital is evidence that holds however often it is looked at. Over all keys the share of keys held
back that mean well is bounded by the Benjamini-Hochberg procedure for e-values, however keys depend on one another [1]_.

References
----------
.. [1] Wang and Ramdas, "False discovery rate control with e-values", 2022.
"""

from collections.abc import Mapping

import numpy as np

from metier.continual.poisoning.corrections import Corrections
from metier.registry.betting import MeanBelow

FITS_BADLY = 0.1  # A p-value so small counts as one that disagrees.


def key_evidence(corrections: Corrections, p_values: np.ndarray, *, wrong_fraction: float) -> dict[str, float]:
    """Give for each key how much evidence there is that more of its corrections are wrong than may be by mistake.

    Returns
    -------
    dict of str to float
        E-values: 20 would be evidence at 5 % if there were one key.
    """
    changed = corrections.changed
    bound = FITS_BADLY + wrong_fraction * (1 - FITS_BADLY)
    found = {}
    for key in dict.fromkeys(corrections.keys):
        own = np.asarray([one == key for one in corrections.keys]) & changed
        against = MeanBelow(-bound, least=-1.0, most=0.0)
        found[key] = against.update(-(p_values[own] <= FITS_BADLY).astype(float)).e_value
    return found


def keys_against(evidence: Mapping[str, float], *, false_alarms: float) -> list[str]:
    """Give the keys to hold back, the strongest evidence first.

    Examples
    --------
    >>> keys_against({"a": 61.0, "b": 31.0, "c": 1.0}, false_alarms=0.05)
    ['a', 'b']
    >>> keys_against({"a": 31.0, "b": 1.0, "c": 1.0}, false_alarms=0.05)
    []
    """
    ranked = sorted(evidence, key=lambda key: -evidence[key])
    last = 0
    for rank, key in enumerate(ranked, 1):
        if rank * evidence[key] >= len(ranked) / false_alarms:
            last = rank
    return ranked[:last]


def wrong_of(corrections: Corrections, p_values: np.ndarray, key: str) -> tuple[int, int]:
    """Give how many corrections of a key fit badly, and how many it has made."""
    own = np.asarray([one == key for one in corrections.keys]) & corrections.changed
    return int(np.sum(p_values[own] <= FITS_BADLY)), int(own.sum())
