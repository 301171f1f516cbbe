"""`dossier.yaml`: what no measurement can tell, in the owner's own words."""

from pathlib import Path

from pydantic import BaseModel, Field, ValidationError

from metier.errors import CallError, suggest
from metier.given_files import FileFaultError, given_yaml

FILE = "dossier.yaml"


class Stated(BaseModel, frozen=True, extra="forbid"):
    """What the owner states; each part may be left out."""

    intended_use: str | None = Field(default=None, description="What the model is for, and for whom.")
    not_intended: str | None = Field(default=None, description="What it must not be used for.")
    owner: str | None = Field(default=None, description="Who answers for it, and how to reach them.")
    data_licence: str | None = Field(
        default=None, description="Under which licence the training rows are used."
    )
    base_licence: str | None = Field(
        default=None, description="Under which licence the pretrained model is used."
    )
    personal_data: str | None = Field(
        default=None, description="Which personal data the rows hold, and on what ground."
    )
    retention: str | None = Field(default=None, description="How long rows, questions and answers are kept.")
    human_oversight: str | None = Field(
        default=None, description="Who checks answers, and who can stop the model."
    )


def read_stated(path: str | Path | None) -> Stated:
    """Read the file; None: nothing is stated.

    Raises
    ------
    CallError
        If it is missing, no YAML, or has other entries.
    """
    if path is None:
        return Stated()
    try:
        found = given_yaml(path) or {}
    except FileNotFoundError:
        raise CallError(
            f"There is no file {path}. Write one with the entries {', '.join(Stated.model_fields)}."
        ) from None
    except FileFaultError as error:
        raise CallError(
            f"{path} cannot be read as statements ({error}). Write YAML of UTF-8, each entry as name: text."
        ) from None
    known = list(Stated.model_fields)
    if not isinstance(found, dict):
        raise CallError(f"{path} is not a list of entries. Expected entries out of {', '.join(known)}.")
    for name in found:
        if name not in known:
            raise CallError(
                f"{path} has an entry {str(name)!r}.{suggest(str(name), known)} Known are {', '.join(known)}."
            )
    try:
        return Stated.model_validate(found)
    except ValidationError as error:
        name = error.errors()[0]["loc"][0]
        raise CallError(f"{path}, {name}: found {found[name]!r:.60}. Expected a text.") from None
