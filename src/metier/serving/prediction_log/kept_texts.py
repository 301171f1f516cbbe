"""What of a question and its answer is kept: the texts without their personal data, none of them, or as they came."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args

from metier.text.personal_data import masked

TextPolicy = Literal["masked", "none", "plain"]
POLICIES: tuple[TextPolicy, ...] = get_args(TextPolicy)
# Names of labels and methods, which the model brought: no text of a caller.
OF_THE_MODEL = frozenset({"label", "labels", "answered_by", "relation", "probabilities", "id"})


def kept_question(item: Any, policy: TextPolicy) -> Mapping[str, Any] | None:
    """Give the texts of a question by their keys, as a policy keeps them; images and recordings are never kept."""
    if policy == "none":
        return None
    parts = item if isinstance(item, Mapping) else {"text": item}
    return {str(key): _each_text(value, _keeper(policy)) for key, value in parts.items()}


def kept_answer(record: Mapping[str, Any], policy: TextPolicy) -> Mapping[str, Any]:
    """Give an answer as a policy keeps it.

    A written text is kept as questions are. A piece of the question, such as a name that was found, is kept under `plain`
    alone: nothing around it would say that it is personal.
    """
    whole, piece = _keeper(policy), str if policy == "plain" else _nothing
    return {
        key: value if key in OF_THE_MODEL else _each_text(value, whole if key == "text" else piece)
        for key, value in record.items()
    }


def kept_comment(comment: str, policy: TextPolicy) -> str | None:
    """Give a comment as the texts of questions are kept."""
    return _keeper(policy)(comment)


def _keeper(policy: TextPolicy) -> Callable[[str], str | None]:
    if policy == "masked":
        return _masked
    return str if policy == "plain" else _nothing


def _masked(text: str) -> str:
    return masked(text).text


def _nothing(text: str) -> None:
    return None


def _each_text(value: Any, keep: Callable[[str], str | None]) -> Any:
    """Give a value with all its texts kept; what is neither of JSON nor a text is left out."""
    if isinstance(value, str):
        return keep(value)
    if isinstance(value, Mapping):
        return {str(key): one if key in OF_THE_MODEL else _each_text(one, keep) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_each_text(one, keep) for one in value]
    return value if isinstance(value, bool | int | float) else None
