"""What a writer can be set to about its answers: how long they are, how tokens are chosen, and what may be written."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from metier.predictors.text.decoding.constraints import CHOICES, JSON_SCHEMA
from metier.predictors.text.decoding.decoding_settings import contradictions
from metier.training.encoder_settings import ScheduleSettings

NOT_OF_PIECES = (
    "choices or json_schema is set, and the rows are translations, which are written in pieces where the text is long. "
    "Leave it out, or set kind to reply"
)


class DecodingFields(ScheduleSettings):
    """How a method that writes chooses its words."""

    max_new_tokens: int | None = Field(
        None, ge=1, description="Most tokens of an answer; None: by the lengths of the training targets."
    )
    no_repeat_ngram: int | None = Field(
        None,
        ge=0,
        description="Length of word n-grams that may not be repeated; None: by the training targets.",
    )
    min_new_tokens: int = Field(0, ge=0, description="Before so many tokens an answer does not end.")
    repetition_penalty: float = Field(
        1.0,
        ge=1,
        description="What the logits of tokens that stand in the answer are divided by; 1: nothing.",
    )
    beams: int = Field(1, ge=1, description="Beams of the beam search; 1: none.")
    length_penalty: float = Field(
        1.0, description="Of beam search: above 0 longer answers are preferred. See `DecodingSettings`."
    )
    early_stopping: bool = Field(
        True, description="Whether a beam search ends once as many answers as beams have ended."
    )
    temperature: float = Field(
        0.0, ge=0, description="Sampling temperature; 0: greedy decoding. See `DecodingSettings`."
    )
    top_p: float = Field(
        1.0,
        gt=0,
        le=1,
        description="Nucleus sampling: share of probability to sample from. See `DecodingSettings`.",
    )
    top_k: int = Field(0, ge=0, description="Sampling from so many of the likeliest tokens; 0: from all.")
    min_p: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Sampling from tokens with this share of the likeliest token's probability.",
    )
    choices: list[str] | str | None = Field(
        None, description="Texts of which an answer is always one, whole: a list, or a file with one a line."
    )
    json_schema: dict[str, Any] | str | None = Field(
        None,
        description="A JSON schema that every answer keeps, or a JSON file with it; docs/writers.md says what of JSON "
        "Schema is known.",
    )

    @classmethod
    def misfits(cls, values: Mapping[str, Any]) -> list[str]:
        """Say which values do not go with one another."""
        faults = super().misfits(values)
        constraint = next((name for name in (CHOICES, JSON_SCHEMA) if values[name] is not None), None)
        faults += contradictions(values, constraint=constraint)
        if values[CHOICES] is not None and values[JSON_SCHEMA] is not None:
            faults.append(
                "choices and json_schema are both set: an answer cannot keep to both. Leave one of them out"
            )
        return faults
