"""What a sentence can ask for: kinds of tasks, sets of labels and entities, as `templates.yaml` has them."""

import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Literal

import yaml
from pydantic import BaseModel, Field

LANGUAGES = ("en", "zh")


class TaskTemplate(BaseModel, frozen=True, extra="forbid"):
    """A kind of task, and what in a sentence asks for it."""

    name: str = Field(description="As the table of tasks has it.")
    cues: tuple[str, ...] = Field(description="Regular expressions, without regard to case.")
    columns: dict[str, str] = Field(description="What each column of the rows holds, by its role.")
    labels: Literal["any", "listed", "parts", "own", "none"] = Field(
        default="any", description="Where its labels come from; `templates.yaml` says what each means."
    )
    with_order: str | None = Field(
        default=None, description="The task that it becomes where labels have an order."
    )
    guide: tuple[Literal["spans", "written"], ...] = Field(
        default=(), description="Rules of the labelling guide that it needs."
    )
    from_descriptions: bool = Field(
        default=False, description="Whether descriptions of its labels make a first model."
    )


class LabelTemplate(BaseModel, frozen=True, extra="forbid"):
    """A label with sentences that say what it means, or are examples of it."""

    name: str
    zh_name: str
    en: tuple[str, ...] = Field(min_length=1)
    zh: tuple[str, ...] = Field(min_length=1)
    cues: tuple[str, ...] = ()
    aliases: tuple[str, ...] = Field(default=(), description="Other names of it, in small letters.")

    @property
    def names(self) -> frozenset[str]:
        """Every name that it goes by."""
        return frozenset({self.name, self.zh_name, *self.aliases})

    def named(self, language: str) -> str:
        """Give its name in a language."""
        return self.zh_name if language == "zh" else self.name


class LabelSetTemplate(BaseModel, frozen=True, extra="forbid"):
    """Labels that go together."""

    name: str
    zh: str
    cues: tuple[str, ...]
    labels: tuple[LabelTemplate, ...]
    ordered: bool = Field(default=False, description="Whether the labels go from the lowest to the highest.")
    only_for: str | None = Field(default=None, description="The task that alone has them; None: any.")


class Templates(BaseModel, frozen=True, extra="forbid"):
    """Everything that can be proposed without a language model."""

    tasks: tuple[TaskTemplate, ...]
    label_sets: tuple[LabelSetTemplate, ...]
    entities: tuple[LabelTemplate, ...]
    languages: dict[str, tuple[str, ...]]


@cache
def templates() -> Templates:
    """Read the templates that come with the program."""
    text = files("metier.applications.starting").joinpath("templates.yaml").read_text(encoding="utf-8")
    return Templates.model_validate(yaml.safe_load(text))


def task_template(name: str) -> TaskTemplate:
    """Give the template of a task."""
    return next(one for one in templates().tasks if one.name == name)


def found_cue(cues: Sequence[str], sentence: str) -> str | None:
    """Give what of a sentence is the first cue that is in it; None: none is."""
    for cue in cues:
        found = re.search(cue, sentence, re.IGNORECASE)
        if found is not None:
            return found[0]
    return None
