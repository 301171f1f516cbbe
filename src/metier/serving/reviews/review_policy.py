"""Which answers wait for a person: a file that is kept beside the code, `reviews.yaml`."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError

from metier.errors import CallError
from metier.given_files import FileFaultError, given_json, given_yaml

REASONS = ("confidence", "out_of_scope", "label", "word", "field", "chance")
WRITTEN_APART = re.compile(r"[\w' -]+", re.ASCII)  # Words of these characters have edges.


class ReviewPolicy(BaseModel, frozen=True, extra="forbid"):
    """Which answers wait for a person; an answer for which one reason holds does."""

    below: float | None = Field(default=None, gt=0, le=1, description="Those that are less probable.")
    below_by_label: dict[str, float | None] = Field(
        default_factory=dict, description="The same of single labels; null: none of them is sure enough."
    )
    thresholds: str | None = Field(
        default=None,
        description="File of thresholds that metier evaluate --target-accuracy wrote, in place of the two above.",
    )
    out_of_scope: bool = Field(default=True, description="Those of questions that no label fits.")
    labels: tuple[str, ...] = Field(default=(), description="Those with one of these labels.")
    words: tuple[str, ...] = Field(default=(), description="Those to questions with one of these words.")
    fields: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="Those to questions whose field has one of these values."
    )
    share: float = Field(
        default=0.0, ge=0, le=1, description="Share of all others, 0 to 1, drawn by chance: an honest sample."
    )
    answer: Literal["shown", "withheld"] = Field(
        default="shown", description="Whether callers see the model's answer while it waits."
    )

    def reasons(self, item: Any, record: Mapping[str, Any], prediction_id: str) -> list[str]:
        """Give why an answer waits, by names out of `REASONS`; empty: it does not.

        Parameters
        ----------
        item : str or mapping
            What was asked.
        record : mapping
            The answer as plain facts.
        prediction_id : str
            Whether it is drawn by chance depends on it alone.
        """
        found = list(self._of_answer(record))
        texts = [str(one) for one in (item.values() if isinstance(item, Mapping) else [item])]
        if any(_has_word(text, word) for word in self.words for text in texts):
            found.append("word")
        if isinstance(item, Mapping) and any(
            str(item.get(name)) in values for name, values in self.fields.items()
        ):
            found.append("field")
        if not found and self.share and _drawn(prediction_id) < self.share:
            found.append("chance")
        return found

    def _of_answer(self, record: Mapping[str, Any]) -> Iterator[str]:
        label, probability = record.get("label"), record.get("probability")
        if isinstance(probability, int | float) and not self._is_sure(label, float(probability)):
            yield "confidence"
        if self.out_of_scope and record.get("out_of_scope"):
            yield "out_of_scope"
        named = {label} if isinstance(label, str) else set(record.get("labels") or ())
        if named & set(self.labels):
            yield "label"

    def _is_sure(self, label: Any, probability: float) -> bool:
        if label in self.below_by_label:
            least = self.below_by_label[label]
            return least is not None and probability >= least
        return self.below is None or probability >= self.below


def read_review_policy(path: str | Path) -> ReviewPolicy:
    """Read a policy; relative paths are taken from its folder.

    Raises
    ------
    CallError
        If a file is missing, or an entry is unknown or out of range.
    """
    path = Path(path)
    try:
        facts = given_yaml(path)
        policy = ReviewPolicy.model_validate({} if facts is None else facts)
        return (
            policy if policy.thresholds is None else _with_thresholds(policy, path.parent / policy.thresholds)
        )
    except FileNotFoundError as error:
        raise CallError(
            f"There is no file {error.filename or path}. A policy of reviews is YAML such as: below: 0.6"
        ) from None
    except FileFaultError as error:
        raise CallError(
            f"{path} cannot be read as a policy of reviews ({error}). Name a YAML file of UTF-8."
        ) from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        known = ", ".join(ReviewPolicy.model_fields)
        raise CallError(f"{path}, {place}: {first['msg']}. Known entries are {known}.") from None


def _with_thresholds(policy: ReviewPolicy, path: Path) -> ReviewPolicy:
    """Take the thresholds of a file that `metier evaluate --target-accuracy --output` wrote."""
    found = given_json(path)
    facts = found.get("abstention") if isinstance(found, Mapping) else None
    if not isinstance(facts, Mapping) or not isinstance(facts.get("labels"), Mapping):
        raise CallError(
            f"{path} has no thresholds. Write them with: metier evaluate RUN FILE --target-accuracy 0.98 --output FILE"
        )
    taken = {"below": facts.get("threshold") or 1.0, "below_by_label": dict(facts["labels"])}
    return ReviewPolicy.model_validate(policy.model_dump() | taken)


def _has_word(text: str, word: str) -> bool:
    """Whether a word stands in a text; of Chinese, which has no gaps, anywhere."""
    if WRITTEN_APART.fullmatch(word):
        return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.IGNORECASE) is not None
    return word.casefold() in text.casefold()


def _drawn(prediction_id: str) -> float:
    """Give a number from 0 to 1, the same for the same id."""
    return int.from_bytes(hashlib.sha256(prediction_id.encode()).digest()[:8], "big") / 2**64


def strange_labels(policy: ReviewPolicy, known: Sequence[str]) -> list[str]:
    """Give the labels of a policy that no served model has."""
    named = [*policy.labels, *policy.below_by_label]
    return sorted({label for label in named if label not in known}) if known else []
