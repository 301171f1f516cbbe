"""Old place of these names, until the last import of it is gone."""

from metier.tasks.answers.grade import GradeDecoder
from metier.tasks.answers.kind import Decoder
from metier.tasks.answers.label import LabelDecoder
from metier.tasks.answers.passage_answer import AnswerThreshold
from metier.tasks.answers.spans import SpanDecoder, TextLogits
from metier.tasks.answers.written_text import TextDecoder

__all__ = [
    "AnswerThreshold",
    "Decoder",
    "GradeDecoder",
    "LabelDecoder",
    "SpanDecoder",
    "TextDecoder",
    "TextLogits",
]
