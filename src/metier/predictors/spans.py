"""Old place of these names, until the last import of it is gone."""

from metier.tasks.answers.spans import span_answers, spans_of_record

__all__ = ["span_answers", "spans_of_record"]
