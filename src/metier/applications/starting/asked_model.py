"""A proposal by a chat model behind an endpoint: its answer is JSON of a fixed form, checked before it is used."""

import json
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError

from metier.applications.starting.proposal import Proposal, ProposedLabel
from metier.applications.starting.sentence import LONGEST_LABEL, MOST_LABELS
from metier.applications.starting.templates import task_template, templates
from metier.errors import EndpointError
from metier.predictors.text.chat_client import ChatClient, ChatSettings, Message

MOST_TOKENS = 2_000
TRIES = 2  # The second is told what was wrong with the first.
Language = Literal["en", "zh"]


class AnsweredLabel(BaseModel, frozen=True, extra="ignore"):
    """A label as the model answers it."""

    name: str = Field(min_length=1, max_length=LONGEST_LABEL)
    descriptions: list[str] = Field(min_length=1, max_length=6)


class AnsweredProposal(BaseModel, frozen=True, extra="ignore"):
    """The answer of the model."""

    task: str
    labels: list[AnsweredLabel] = Field(default=[], max_length=MOST_LABELS)
    ordered: bool = False
    languages: list[Language] = Field(default=["en"], min_length=1)


def asked_proposal(sentence: str, model: str, *, spoken: str, **how: Any) -> Proposal:
    """Ask a chat model for a proposal; only the sentence leaves the machine, no row.

    Parameters
    ----------
    sentence : str
    model : str
        As the endpoint calls it.
    spoken : str
        Language of the sentence.
    **how
        As `ChatSettings` takes it: time limit, tries, pauses.

    Raises
    ------
    NoNetworkError
        If METIER_ENDPOINT_URL is not set.
    EndpointError
        If the endpoint refuses, or its answers are not of the form that was asked for.
    """
    client = ChatClient(ChatSettings(model, most_tokens=MOST_TOKENS, **how))
    messages: list[Message] = [{"role": "user", "content": _question(sentence)}]
    fault = ""
    for _ in range(TRIES):
        reply = client.ask(messages).text
        answer, fault = _read(reply)
        if answer is not None:
            return _proposal(sentence, answer, model, spoken)
        messages += [
            {"role": "assistant", "content": reply},
            {"role": "user", "content": f"That cannot be used: {fault} Answer with the JSON object alone."},
        ]
    raise EndpointError(
        f"The model {model!r} did not answer in the form that was asked for: {fault} Leave --model out to get a proposal "
        "by templates, or name another model."
    )


def _question(sentence: str) -> str:
    every = templates().tasks
    tasks = ", ".join(one.name for one in every)
    without_labels = ", ".join(one.name for one in every if one.labels == "none")
    return (
        "A company describes what a text model should do. Propose the task.\n"
        f"Description: {sentence}\n"
        "Answer with one JSON object and nothing else: "
        '{"task": one of [' + tasks + "], "
        '"labels": [{"name": short name, "descriptions": [two or three examples of such texts, in each language]}], '
        '"ordered": whether the labels go from low to high, "languages": ["en" and/or "zh", of the texts]}. '
        f"Leave labels empty for {without_labels}. Name labels in the language of the description."
    )


def _read(reply: str) -> tuple[AnsweredProposal | None, str]:
    """Give the answer, or what is wrong with it in a sentence."""
    start, end = reply.find("{"), reply.rfind("}")
    try:
        answer = AnsweredProposal.model_validate(json.loads(reply[start : end + 1]))
    except json.JSONDecodeError:
        return None, "it is no JSON object."
    except ValidationError as error:
        first = error.errors()[0]
        return None, f"{'.'.join(map(str, first['loc']))}: {first['msg']}."
    known = {one.name for one in templates().tasks}
    names = [one.name for one in answer.labels]
    if answer.task not in known:
        return None, f"the task {answer.task!r} is none of {', '.join(sorted(known))}."
    if len(set(names)) != len(names):
        return None, "two labels have the same name."
    from_where = task_template(answer.task).labels
    if from_where != "none" and len(names) < (1 if from_where == "parts" else 2):
        return None, f"{answer.task} needs labels, and there are {len(names)}."
    return answer, ""


def _proposal(sentence: str, answer: AnsweredProposal, model: str, spoken: str) -> Proposal:
    task = task_template(answer.task)
    return Proposal(
        sentence,
        answer.task,
        task.columns,
        tuple(ProposedLabel(one.name, tuple(one.descriptions)) for one in answer.labels),
        answer.ordered and task.with_order is not None,
        tuple(dict.fromkeys(answer.languages)),
        spoken,
        model,
    )
