"""A proposal for a task: labels with descriptions, a guide for labelling, settings for training, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from metier.applications.starting.sentence import Reading
from metier.applications.starting.templates import LabelTemplate, task_template

BUDGET_MINUTES = 10.0


@dataclass(frozen=True)
class ProposedLabel:
    """A label.

    Parameters
    ----------
    name : str
        As rows should have it.
    descriptions : tuple of str
        Sentences that say what it means, or are examples of it, in the languages of the texts.
    """

    name: str
    descriptions: tuple[str, ...]


@dataclass(frozen=True)
class Proposal:
    """What a task could be; every part of it is there to be changed.

    Parameters
    ----------
    sentence : str
    task : str
        As the table of tasks has it.
    columns : mapping of str to str
        What each column of the labelled rows holds, by its role.
    labels : tuple of ProposedLabel
    is_ordered : bool
        Whether labels go from the lowest to the highest.
    languages : tuple of str
    spoken : str
        Language of the sentence, in which the guide is written.
    proposed_by : str
        `templates`, or the name of the language model that was asked.
    why : tuple of str
        What it was read from.
    """

    sentence: str
    task: str
    columns: Mapping[str, str]
    labels: tuple[ProposedLabel, ...]
    is_ordered: bool
    languages: tuple[str, ...]
    spoken: str
    proposed_by: str
    why: tuple[str, ...] = ()

    @property
    def trained_task(self) -> str:
        """The task that labelled rows would train: another one where labels have an order."""
        with_order = task_template(self.task).with_order
        return with_order if self.is_ordered and with_order is not None else self.task

    @property
    def descriptions(self) -> dict[str, list[str]]:
        """The sentences of each label, as `zero_shot.v1` takes them."""
        return {one.name: list(one.descriptions) for one in self.labels}

    def settings(self, *, train: str, text: str | None = None) -> dict[str, Any]:
        """Give the settings of `metier train`.

        Parameters
        ----------
        train : str
            The file that the labelled rows will be in.
        text : str or None
            Column of the text, where rows were seen; None: as the role is called.
        """
        roles = {role: role for role in self.columns}
        if text is not None and "text" in roles:
            roles["text"] = text
        order = {"order": [one.name for one in self.labels]} if self.trained_task != self.task else {}
        return {
            "task": self.trained_task,
            "data": {"train": train, **roles},
            **order,
            "budget_minutes": BUDGET_MINUTES,
        }


def proposal_of(reading: Reading) -> Proposal:
    """Make a proposal from what a sentence was read as."""
    return Proposal(
        reading.sentence,
        reading.task.name,
        reading.task.columns,
        tuple(_label(one, reading) for one in reading.labels),
        reading.is_ordered,
        reading.languages,
        reading.spoken,
        "templates",
        reading.why,
    )


def _label(template: LabelTemplate, reading: Reading) -> ProposedLabel:
    return ProposedLabel(template.named(reading.spoken), described(template, reading.languages))


def described(template: LabelTemplate, languages: Sequence[str]) -> tuple[str, ...]:
    """Give the sentences of a label in some languages, each once."""
    by_language = {"en": template.en, "zh": template.zh}
    return tuple(dict.fromkeys(one for language in languages for one in by_language[language]))
