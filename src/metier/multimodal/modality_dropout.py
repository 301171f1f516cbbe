"""Modality dropout: rows that have a text and an image are learned without one of the two as well.

Without it a method that always saw both leans on the stronger one, and what it answers where that is missing was never
trained (Ma et al., 2022, arXiv:2204.05454; Neverova et al., 2014, arXiv:1501.00102).
"""

from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from metier.multimodal.tower_outputs import IMAGE, TEXT, TowerOutputs
from metier.training.heads.frozen_heads import Rows


def with_dropped(rows: Rows, share: float, *, random_state: Any) -> Rows:
    """Give the rows, and after them a share of those with both once without their image and once without their text.

    Parameters
    ----------
    rows : Rows
        Whose features are `TowerOutputs`.
    share : float
        Of the rows with both, 0 to 1.
    """
    outputs: Any = rows.features
    both = np.flatnonzero(outputs.has_both)
    n_dropped = round(share * len(both))
    if n_dropped == 0:
        return rows
    random = check_random_state(random_state)
    drawn = [np.sort(random.permutation(both)[:n_dropped]) for _ in (TEXT, IMAGE)]
    copies = [outputs[one].showing(case) for one, case in zip(drawn, (TEXT, IMAGE), strict=True)]
    positions = np.concatenate([np.arange(len(outputs)), *drawn])
    joined: Any = outputs.joined(*copies)
    return Rows(joined, rows.examples.take(positions))


def drop_some(outputs: TowerOutputs, share: float, random: np.random.RandomState) -> TowerOutputs:
    """Give rows of one batch, of which a share of those with both shows one of the two alone."""
    draw = random.random_sample(len(outputs))
    loses_image = outputs.has_both & (draw < share / 2)
    loses_text = outputs.has_both & (draw >= share / 2) & (draw < share)
    without_image = outputs.showing(TEXT)
    without_text = outputs.showing(IMAGE)
    pairs = zip(outputs.tokens, without_text.tokens, loses_text, strict=True) if outputs.tokens else ()
    return TowerOutputs(
        np.where(loses_text[:, None], without_text.text, outputs.text),
        np.where(loses_image[:, None], without_image.image, outputs.image),
        outputs.has_text & ~loses_text,
        outputs.has_image & ~loses_image,
        tuple(without if loses else states for states, without, loses in pairs),
    )
