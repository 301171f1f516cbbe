"""The first sentences of a text as its summary: `lead.v1`. Nothing is learned but how many."""

from metier.features.sentence_ranks import join_sentences
from metier.predictors.text.extracted_sentences import SentencesPredictor
from metier.text.sentences import split_sentences


def lead(text: str, n_sentences: int) -> str:
    """Give the first sentences of a text."""
    return join_sentences(split_sentences(text)[:n_sentences])


class LeadPredictor(SentencesPredictor):
    """The first sentences."""

    kind = "lead.v1"
    extract = staticmethod(lead)
