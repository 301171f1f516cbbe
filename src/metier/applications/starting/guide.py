"""The labelling guide: what each label means, with examples, and rules for what is doubtful, in the user's language."""

from functools import cache
from importlib.resources import files
from typing import Any

import yaml
from pydantic import BaseModel, Field

from metier.applications.starting.proposal import Proposal
from metier.applications.starting.templates import task_template


class GuideWords(BaseModel, frozen=True, extra="forbid"):
    """What a guide says in one language, whatever the task."""

    title: str
    task: str
    order: str
    label: str
    means: str
    columns: str
    rules: str
    every: tuple[str, ...] = Field(description="Rules of every guide.")
    spans: str = Field(description="A rule where parts of texts are marked.")
    ordered: str = Field(description="A rule where labels have an order.")
    written: str = Field(description="A rule where texts are written.")
    proposed: str


@cache
def _texts() -> dict[str, Any]:
    text = files("metier.applications.starting").joinpath("guide.yaml").read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def _words(language: str) -> GuideWords:
    return GuideWords.model_validate(_texts()["words"][language])


def guide(proposal: Proposal) -> str:
    """Write the guide in Markdown, in the language of the sentence."""
    words = _words(proposal.spoken)
    rules = [*words.every, *_more_rules(proposal, words)]
    parts = [
        *(words.title, "", f"> {proposal.sentence}", "", f"{words.task}: `{proposal.trained_task}`"),
        *_labels(proposal, words),
        *("", words.columns, ""),
        *(f"- `{role}`: {_said(held, proposal.spoken)}" for role, held in proposal.columns.items()),
        *("", words.rules, ""),
        *(f"{number}. {rule}" for number, rule in enumerate(rules, 1)),
        *("", f"*{words.proposed}*", ""),
    ]
    return "\n".join(parts)


def _said(held: str, language: str) -> str:
    return str(_texts()["columns_zh"][held]) if language == "zh" else held


def _labels(proposal: Proposal, words: GuideWords) -> list[str]:
    if not proposal.labels:
        return []
    order = ["", words.order] if proposal.is_ordered else []
    rows = [f"| `{_cell(one.name)}` | {_cell(' / '.join(one.descriptions))} |" for one in proposal.labels]
    return [*order, "", f"| {words.label} | {words.means} |", "|---|---|", *rows]


def _more_rules(proposal: Proposal, words: GuideWords) -> list[str]:
    asked = task_template(proposal.task).guide
    more = (
        (words.spans, "spans" in asked),
        (words.ordered, proposal.is_ordered),
        (words.written, "written" in asked),
    )
    return [rule for rule, is_so in more if is_so]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
