"""The first sentences of a text as its summary: the baseline of every summariser."""

from typing import ClassVar

from metier.classical.extracted_sentences import ExtractedSentences
from metier.predictors.text.extracted_sentences import LeadPredictor
from metier.tasks.method_contract import Capabilities


class Lead(ExtractedSentences):
    """The first sentences of a text: hard to beat where texts begin with what matters, as news and abstracts do.

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
    """

    name = "lead.v1"
    capabilities: ClassVar[Capabilities] = Capabilities()
    predictor = LeadPredictor

    def __init__(self, *, n_sentences: int | None = None):
        self.n_sentences = n_sentences
