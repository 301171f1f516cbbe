"""The most central sentences of a text as its summary."""

from typing import ClassVar

from metier.classical.extracted_sentences import ExtractedSentences
from metier.predictors.text.extracted_sentences import TextRankPredictor
from metier.tasks.method_contract import Capabilities


class TextRank(ExtractedSentences):
    """The sentences that the others of a text are most like, by TextRank [1]_ over TF-IDF cosines.

    It needs no rows to learn from, works in any language that `text.segmentation` cuts, and finds what matters where
    it does not come first. Each text is a collection of its own, so a lone sentence is simply given back.

    Parameters
    ----------
    n_sentences : int, default=None
        Of a summary; None: 1 to 5, by ROUGE-L on validation. Without validation rows the training rows choose:
        nothing else is learned from them.

    Attributes
    ----------
    n_sentences_ : int
    chosen_params_ : dict
        What to set so that another fit needs no validation.
    facts_ : dict
        ROUGE-L for each number of sentences that was tried.

    References
    ----------
    .. [1] Mihalcea and Tarau, "TextRank: bringing order into text", 2004.
    """

    name = "textrank.v1"
    capabilities: ClassVar[Capabilities] = Capabilities()
    predictor = TextRankPredictor

    def __init__(self, *, n_sentences: int | None = None):
        self.n_sentences = n_sentences
