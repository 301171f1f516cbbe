"""An answer of any task on one line of a terminal."""

from typing import Any


def shown_answer(record: dict[str, Any]) -> str:
    """Give the answer of a record in words: its label, its spans, its text, its number with the interval."""
    if "label" in record:
        return str(record["label"])
    if "labels" in record:
        return ", ".join(record["labels"]) or "none"
    if "spans" in record:
        return "; ".join(f"{span['text']} = {span['label']}" for span in record["spans"]) or "nothing marked"
    if "answer" in record:
        return record["answer"] or "no answer in the passage"
    if "score" in record:
        return f"{record['score']:.3g} [{record['low']:.3g}, {record['high']:.3g}]"
    if "matches" in record:
        return "; ".join(f"{match['text']} ({match['score']:.2f})" for match in record["matches"])
    return str(record["text"])
