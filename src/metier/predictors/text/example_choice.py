"""Examples for a prompt: the training rows that are most like the question, none of them like another, nearest last.

Rows that are like the question help most [1]_, and models listen most to what stands last [2]_. Of two rows that are
nearly the same the second adds nothing, so each next one is chosen by how like the question it is less how like those
that are chosen already (maximal marginal relevance [3]_). Likeness is BM25 over words: no base and no torch where the
question is answered.

References
----------
.. [1] Liu et al., "What makes good in-context examples for GPT-3?", 2022, arXiv:2101.06804.
.. [2] Lu et al., "Fantastically ordered prompts and where to find them", 2022, arXiv:2104.08786.
.. [3] Carbonell and Goldstein, "The use of MMR, diversity-based reranking", 1998.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from metier.text.bm25 import Bm25
from metier.text.overlap import jaccard
from metier.text.segmentation import segment

EXAMPLES_FILE = "examples.json"
CONSIDERED = 4  # Times as many of the nearest rows as are chosen.
DIVERSITY = 0.5  # Weight of how like a row is to those that are chosen, beside how like it is to the question.
ASCII_PER_TOKEN = 3  # Fewer than any usual tokenizer has, so that an estimate is rather too high.


@dataclass(frozen=True)
class Example:
    """A training row as a prompt shows it.

    Parameters
    ----------
    asked, answered : str
        The item and its target, as they are written.
    words : str
        What is compared with a question: the texts of the item alone.
    """

    asked: str
    answered: str
    words: str

    @property
    def tokens(self) -> int:
        """About how many tokens it takes."""
        return token_estimate(self.asked) + token_estimate(self.answered)


class ExamplePool:
    """Training rows to choose examples from. Safe to share between threads.

    Parameters
    ----------
    examples : sequence of Example
    index : Bm25
        Of their words.
    """

    def __init__(self, examples: Sequence[Example], index: Bm25 | None = None):
        self.examples = list(examples)
        self._index = index or Bm25().fit([one.words for one in self.examples])

    def choose(self, words: str, n: int, *, room: int) -> list[Example]:
        """Give the examples for a question, the nearest last.

        Parameters
        ----------
        words : str
            The texts of the question.
        n : int
            At most so many.
        room : int
            Tokens of all together; the nearest that do not fit are passed over.
        """
        if n == 0 or not self.examples:
            return []
        scores = self._index.scores(words)
        nearest = (-scores).argsort(kind="stable")[: CONSIDERED * n].tolist()
        top = float(scores[nearest[0]]) or 1.0
        chosen: list[int] = []
        while nearest and len(chosen) < n:
            kept = [set(segment(self.examples[at].words)) for at in chosen]

            def worth(at: int, kept: Sequence[set[str]] = kept) -> float:
                own = set(segment(self.examples[at].words))
                likest = max((jaccard(own, other) for other in kept), default=0.0)
                return float(scores[at]) / top - DIVERSITY * likest

            best = max(nearest, key=worth)
            nearest.remove(best)
            # Exactly the question, with another answer or the same, would be read off and not thought about.
            if self.examples[best].words != words and self.examples[best].tokens <= room:
                chosen.append(best)
                room -= self.examples[best].tokens
        chosen.sort(key=lambda at: float(scores[at]))
        return [self.examples[at] for at in chosen]

    def save(self, folder: Path) -> None:
        """Write the rows and their index to a folder."""
        rows = [[one.asked, one.answered, one.words] for one in self.examples]
        (folder / EXAMPLES_FILE).write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
        self._index.save(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        rows = json.loads((folder / EXAMPLES_FILE).read_text(encoding="utf-8"))
        return cls([Example(*row) for row in rows], Bm25.load(folder))


def token_estimate(text: str) -> int:
    """Give about how many tokens a text takes, rather too many: three signs of ASCII a token, any other one by itself."""
    ascii_signs = sum(map(str.isascii, text)) if not text.isascii() else len(text)
    return -(-ascii_signs // ASCII_PER_TOKEN) + len(text) - ascii_signs
