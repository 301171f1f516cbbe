"""The sentences of a text that the others are most like, as its summary: `textrank.v1`. Nothing is learned."""

from metier.features.sentence_ranks import summarise
from metier.predictors.text.extracted_sentences import SentencesPredictor


class TextRankPredictor(SentencesPredictor):
    """The highest-ranked sentences, in their order."""

    kind = "textrank.v1"
    extract = staticmethod(summarise)
