"""SQuAD and similar formats: articles of passages, passages with questions, questions with answers.

Version 1.1 and 2 (where a question may have no answer) are one document; CMRC 2018 also comes as a plain list
of passages whose answers have no offsets. Each question becomes a row with its passage.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from metier.data.formats.data_file import DataFile
from metier.errors import DataError

_PASSAGE = ("context", "context_text")
_QUESTION = ("question", "query_text")
_ID = ("id", "query_id")


def is_squad(document: Any) -> bool:
    """Whether a JSON document holds passages with questions."""
    items = document.get("data") if isinstance(document, Mapping) else document
    if not isinstance(items, list) or not items:
        return False
    return all(isinstance(item, Mapping) and ("paragraphs" in item or "qas" in item) for item in items[:10])


def squad_records(document: Any, file: DataFile) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Give one record per question: id, question, text (the passage), answers, passage_id and title.

    Raises
    ------
    DataError
        At a question that has no text, or whose passage has none.
    """
    number = 0
    for index, (title, passage) in enumerate(_passages(document), 1):
        text = _first(passage, _PASSAGE)
        for question in passage.get("qas") or ():
            number += 1
            query = _first(question, _QUESTION)
            where = f"{file.origin}: question {number} (id {_first(question, _ID)})"
            if not isinstance(text, str) or not isinstance(query, str):
                missing = "passage" if not isinstance(text, str) else "question"
                raise DataError(
                    f"{where} has no {missing}. "
                    "Write a context for each passage, and a question for each of its qas."
                )
            yield (
                number,
                {
                    "id": str(_first(question, _ID) or number),
                    "question": query,
                    "text": text,
                    "answers": _answers(question, where),
                    "passage_id": str(passage.get("id") or passage.get("context_id") or index),
                    "title": title,
                },
            )


def _passages(document: Any) -> Iterator[tuple[str | None, Mapping[str, Any]]]:
    for item in document["data"] if isinstance(document, Mapping) else document:
        title = item.get("title")
        for passage in item.get("paragraphs", [item]):
            yield title, passage


def _answers(question: Mapping[str, Any], where: str) -> list[dict[str, Any]] | Any:
    """Give the answers, each once; an empty list for an unanswerable question, None where the field is missing.

    Answers in another shape are given as they are: reading the column parses or refuses them.

    Raises
    ------
    DataError
        At a question that is marked as impossible and has an answer that is not one of its plausible ones.
    """
    answers = question.get("answers")
    if question.get("is_impossible") is True:
        if _texts(answers) - _texts(question.get("plausible_answers")):
            raise DataError(
                f"{where} is marked is_impossible, but has answers. Remove the mark, or the answers "
                "(those that only seem right are plausible_answers)."
            )
        return []
    if not isinstance(answers, list):
        return answers
    kept: dict[tuple[str, Any], dict[str, Any]] = {}
    for answer in answers:
        if not isinstance(answer, str | Mapping):
            return answers
        text, start = (
            (answer, None) if isinstance(answer, str) else (answer.get("text"), answer.get("answer_start"))
        )
        kept.setdefault((str(text), start), {"text": text, "start": start})
    return list(kept.values())


def _texts(answers: Any) -> set[str]:
    """Give the texts of answers in any shape, without empty ones, which some data sets write for no answer."""
    given = answers.get("text") if isinstance(answers, Mapping) else answers
    texts = (answer.get("text") if isinstance(answer, Mapping) else answer for answer in given or ())
    return {text for text in texts if isinstance(text, str) and text.strip()}


def _first(item: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    return next((item[key] for key in keys if item.get(key) is not None), None)
