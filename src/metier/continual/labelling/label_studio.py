"""The rows of a queue as Label Studio's tasks, with the model's answers as predictions, and its labelling interface.

Predictions have `score` and `model_version`; rows that measure something (drawn by chance, or for two labellers) have none.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from metier.continual.queue.items import Answer, Item, Kind

TO_NAME, FROM_NAME = "text", "label"
NUMBER, SOURCE, ID, REASON = "queue_number", "queue_source", "queue_id", "reason"


def tasks_of(items: Sequence[Item]) -> list[dict[str, Any]]:
    """Give rows as tasks to import into Label Studio."""
    return [_task(one) for one in items]


def labelling_config(labels: Sequence[str], kind: Kind) -> str:
    """Give the labelling interface that the tasks fit, as Label Studio's settings take it."""
    outer = {"label": "Choices", "labels": "Choices", "spans": "Labels"}[kind]
    choice = ' choice="multiple"' if kind == "labels" else ""
    inner = "Label" if kind == "spans" else "Choice"
    rows = "\n".join(f"    <{inner} value={_quoted(label)}/>" for label in labels)
    head = f'  <{outer} name="{FROM_NAME}" toName="{TO_NAME}"{choice}>'
    return f'<View>\n  <Text name="{TO_NAME}" value="$text"/>\n{head}\n{rows}\n  </{outer}>\n</View>\n'


def _task(item: Item) -> dict[str, Any]:
    # Of a row for two people the reason would say what the model answers.
    reason = " ".join(sentence for _, sentence in item.reasons) if item.needed < 2 else ""
    data = {"text": item.text, REASON: reason, NUMBER: item.number, SOURCE: item.source, ID: item.id}
    task: dict[str, Any] = {"data": data}
    if item.suggestion is not None and not item.is_audit and item.needed < 2:
        task["predictions"] = [_prediction(item, item.suggestion)]
    return task


def _prediction(item: Item, suggestion: Answer) -> dict[str, Any]:
    score = suggestion.get("probability")
    if score is None:
        score = max((suggestion.get("probabilities") or {"": 0.0}).values())
    return {
        "model_version": item.version or "",
        "score": float(score),
        "result": list(_results(suggestion, item.text)),
    }


def _results(answer: Answer, text: str) -> Iterator[dict[str, Any]]:
    named = {"from_name": FROM_NAME, "to_name": TO_NAME}
    if "spans" in answer:
        for number, (start, end, label) in enumerate(answer["spans"]):
            value = {
                "start": _units(text[:start]),
                "end": _units(text[:end]),
                "text": text[start:end],
                "labels": [label],
            }
            yield {"id": f"s{number}", **named, "type": "labels", "value": value}
    else:
        chosen = answer["labels"] if "labels" in answer else [answer["label"]]
        yield {"id": "c0", **named, "type": "choices", "value": {"choices": list(chosen)}}


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _quoted(text: str) -> str:
    plain = text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return f'"{plain}"'
