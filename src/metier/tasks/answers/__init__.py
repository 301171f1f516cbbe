"""The forms of answers, one file a form: everything that is particular to it."""

from metier.tasks.answers.grade import CUMULATIVE_GRADE, GRADE
from metier.tasks.answers.kind import AnswerKind, Decodable, Decoder
from metier.tasks.answers.label import LABEL
from metier.tasks.answers.label_set import LABEL_SET
from metier.tasks.answers.passage_answer import PASSAGE_ANSWER
from metier.tasks.answers.ranking import RANKING
from metier.tasks.answers.relation import RELATION
from metier.tasks.answers.score import SCORE
from metier.tasks.answers.several import SEVERAL
from metier.tasks.answers.spans import SPANS
from metier.tasks.answers.transcript import TRANSCRIPT
from metier.tasks.answers.triples import TRIPLES
from metier.tasks.answers.written_text import WRITTEN_TEXT

__all__ = [
    "ANSWERS",
    "CUMULATIVE_GRADE",
    "GRADE",
    "LABEL",
    "LABEL_SET",
    "PASSAGE_ANSWER",
    "RANKING",
    "RELATION",
    "SCORE",
    "SEVERAL",
    "SPANS",
    "TRANSCRIPT",
    "TRIPLES",
    "WRITTEN_TEXT",
    "AnswerKind",
    "Decodable",
    "Decoder",
]

ANSWERS: dict[str, AnswerKind] = {
    kind.name: kind
    for kind in (
        LABEL,
        LABEL_SET,
        GRADE,
        SCORE,
        TRIPLES,  # Before spans: rows that have relations between them are of this kind.
        SPANS,
        RELATION,
        PASSAGE_ANSWER,
        RANKING,
        WRITTEN_TEXT,
        TRANSCRIPT,
        SEVERAL,
    )
}
