"""How many sentences a summary has: the one choice of the methods that take them out of the text."""

from collections.abc import Callable

import numpy as np

from metier.evaluation.text_measures import rouge_l
from metier.tasks.generation import TextPairs, last_words

MOST_SENTENCES = 5
MOST_ROWS = 500  # Enough to tell one sentence from two.


def choose_count(pairs: TextPairs, summarise: Callable[[str, int], str]) -> tuple[int, dict[int, float]]:
    """Give the number of sentences with the highest mean ROUGE-L, and that figure for each number.

    Parameters
    ----------
    summarise : callable
        From a text and a number of sentences to a summary.
    """
    step = max(1, len(pairs) // MOST_ROWS)
    rows = [
        (last_words(item), true) for item, true in zip(pairs.items[::step], pairs.truth[::step], strict=True)
    ]
    figures = {
        count: float(np.mean([rouge_l(true, summarise(text, count)) for text, true in rows]))
        for count in range(1, MOST_SENTENCES + 1)
    }
    return max(figures, key=lambda count: figures[count]), figures
