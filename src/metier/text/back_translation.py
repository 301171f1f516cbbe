"""Back-translation [1]_: a text said in another language, and back.

References
----------
.. [1] Sennrich, Haddow and Birch, "Improving neural machine translation models with monolingual data", 2016,
   arXiv:1511.06709.
"""

from collections.abc import Callable, Sequence

import numpy as np

from metier.text.augmentation import Way
from metier.text.edits import Edit, Place

# From texts to their translations: the `predict` of whatever translates.
Translate = Callable[[Sequence[str]], Sequence[str]]


def back_translation(texts: Sequence[str], there: Translate, back: Translate) -> Way:
    """Give the way of augmentation that says texts in another language and back.

    The texts are translated at once, for what translates is quicker in batches. A text with pieces that have to stay
    as they are, or one that was not among these texts, offers nothing; neither does one that came back empty.

    Parameters
    ----------
    texts : sequence of str
        What will be augmented.
    there, back : callable
        From texts to texts, such as the answers of two translation bundles.
    """
    unique = list(dict.fromkeys(texts))
    returned = dict(zip(unique, back(list(there(unique))), strict=True))

    def way(text: str, kept: Sequence[Place], random: np.random.Generator) -> list[Edit]:
        again = returned.get(text, "").strip()
        return [] if kept or not again or again == text else [Edit(0, len(text), again)]

    return way
