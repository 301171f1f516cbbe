"""Whether attention says which words an answer rests on: attention mass against the influence that is measured.

The influence of a word is how far the score of the answer moves where the word is left out. Attention is that of the
rollout (Abnar and Zuidema, 2020). A rank correlation near 0 says that weights of attention explain nothing of the answer
(Jain and Wallace, "Attention is not explanation", 2019, arXiv:1902.10186); that of integrated gradients stands beside it.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from metier.errors import EmptyDataError
from metier.evaluation.figure import Figure
from metier.explanation.faithfulness import mean_figure
from metier.explanation.over_rows import odds_of
from metier.explanation.word_contributions import word_contributions, word_parts
from metier.explanation.word_methods import INTEGRATED_GRADIENTS, ROLLOUT, GraphWords, in_parts
from metier.tasks.answer_batches import AnswerBatch

FEWEST_WORDS = 4  # Of a text; a rank correlation of three says nothing.
MOST_TEXTS = 40


def attention_against_influence(
    ask: Callable[[Sequence[Any]], AnswerBatch],
    texts: Sequence[str],
    graph: GraphWords,
    *,
    most: int = MOST_TEXTS,
    random_state: int = 0,
) -> dict[str, Figure]:
    """Give the mean rank correlation with the influence of words, of attention and of integrated gradients.

    Raises
    ------
    EmptyDataError
        If fewer than two texts have four words.
    """
    long = [text for text in texts if len(word_parts(text)) >= FEWEST_WORDS]
    picked = np.sort(np.random.default_rng(random_state).permutation(len(long))[:most])
    if len(picked) < 2:
        raise EmptyDataError(
            "Attention is compared with the influence of words on two texts or more of four words or more; there are "
            "fewer. Give other rows."
        )
    some = [long[int(place)] for place in picked]
    columns: Any = ask(some)
    found: dict[str, list[float]] = {ROLLOUT: [], INTEGRATED_GRADIENTS: []}
    for text, column in zip(some, map(int, columns.best), strict=True):
        influence = np.abs([word.contribution for word in word_contributions(text, odds_of(ask, column))])
        for name, values in found.items():
            weighed = in_parts(text, graph.weigh(name, text, column).words)
            parts = np.abs([word.contribution for word in weighed])
            if np.ptp(parts) > 0 and np.ptp(influence) > 0:
                values.append(float(spearmanr(parts, influence).statistic))
    return {
        name: mean_figure(np.array(values), higher_is_better=None) for name, values in found.items() if values
    }
