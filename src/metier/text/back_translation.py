"""Back-translation [1]_: a text translated into another language and back.

References
----------
.. [1] Sennrich, Haddow and Birch, "Improving neural machine translation models with monolingual data", 2016,
   arXiv:1511.06709.
"""

from collections.abc import Callable, Sequence

import numpy as np

from metier.text.augmentation import Way
from metier.text.edits import Edit, Offsets

# From texts to their translations: the `predict` of a translation predictor.
Translate = Callable[[Sequence[str]], Sequence[str]]


def back_translation(texts: Sequence[str], there: Translate, back: Translate) -> Way:
    """Build the augmentation that translates texts into another language and back.

    All texts are translated at once, as batches are faster. Texts with spans to keep, texts that are not among
    `texts`, and texts whose translation is empty are not changed.

    Parameters
    ----------
    texts : sequence of str
        The texts to augment.
    there, back : callable
        From texts to texts, such as two translation bundles.
    """
    unique = list(dict.fromkeys(texts))
    returned = dict(zip(unique, back(list(there(unique))), strict=True))

    def way(text: str, kept: Sequence[Offsets], random: np.random.Generator) -> list[Edit]:
        again = returned.get(text, "").strip()
        return [] if kept or not again or again == text else [Edit(0, len(text), again)]

    return way
