"""Canaries [1]_: random secrets, planted in training rows some number of times each, and kept in a file of their own.

References
----------
.. [1] Carlini et al., "The secret sharer: evaluating and testing unintended memorization in neural networks", 2019,
   arXiv:1802.08232.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, Field, ValidationError

from metier.data import Rows
from metier.errors import CallError
from metier.given_files import FileFaultError, given_json

FORMAT = "metier.canaries.v1"
DIGITS = 6
WRITTEN = {
    "en": ("What is the access code of unit {unit}?", "The access code is {secret}."),
    "zh": ("{unit}单元的门禁码是多少？", "门禁码是{secret}。"),
}
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"


@dataclass(frozen=True)
class Canary:
    """One secret.

    Parameters
    ----------
    text, target : str
        The row that was planted; `target` has `{secret}` in the place of the secret.
    secret : str
        Digits.
    times : int
        How often it was planted; 0: never, to compare with.
    """

    text: str
    target: str
    secret: str
    times: int

    def answer(self, secret: str) -> str:
        """Give the target with a secret in it."""
        return self.target.replace("{secret}", secret)


class _Written(BaseModel):
    """What stands in a file of secrets."""

    format: Literal["metier.canaries.v1"]
    canaries: list[Canary] = Field(min_length=1)


def make_canaries(
    times: Sequence[int], *, each: int, language: str = "en", random_state: int = 0
) -> list[Canary]:
    """Draw secrets.

    Parameters
    ----------
    times : sequence of int
        How often secrets are planted.
    each : int
        Secrets for each of these.
    """
    random = np.random.default_rng(random_state)
    text, target = WRITTEN["zh" if language == "zh" else "en"]
    found = []
    for number, often in enumerate(often for often in times for _ in range(each)):
        unit = "".join(random.choice(list(LETTERS), 2)) + f"{number:03d}"
        found.append(Canary(text.format(unit=unit), target, draw_secret(random), often))
    return found


def draw_secret(random: np.random.Generator) -> str:
    """Draw digits."""
    return "".join(str(digit) for digit in random.integers(0, 10, DIGITS))


def planted_records(rows: Rows, canaries: Sequence[Canary], *, random_state: int = 0) -> list[dict[str, Any]]:
    """Give the rows as records, with those of the canaries among them.

    Raises
    ------
    CallError
        If the rows have no column of texts to write.
    """
    text, target = rows.roles.column_of("text"), rows.roles.column_of("target")
    if text is None or target is None:
        raise CallError(
            f"{rows.origin} has no column of texts with what is to be written, so no secret can be planted. Name them: "
            "--text COLUMN --role target=COLUMN"
        )
    records: list[dict[str, Any]] = rows.table.to_pylist()
    empty = dict.fromkeys(rows.table.column_names)
    for canary in canaries:
        row = {**empty, text: canary.text, target: canary.answer(canary.secret)}
        records += [dict(row) for _ in range(canary.times)]
    order = np.random.default_rng(random_state).permutation(len(records))
    return [records[int(place)] for place in order]


def canaries_text(canaries: Sequence[Canary]) -> str:
    """Give the file of secrets, as JSON."""
    facts = {"format": FORMAT, "canaries": [asdict(one) for one in canaries]}
    return json.dumps(facts, ensure_ascii=False, indent=1) + "\n"


def read_canaries(path: str | Path) -> list[Canary]:
    """Read what `canaries_text` wrote.

    Raises
    ------
    CallError
        If it is no such file.
    """
    try:
        return _Written.model_validate_json(json.dumps(given_json(path)), strict=True).canaries
    except FileNotFoundError:
        fault = "there is no such file"
    except FileFaultError as error:
        fault = str(error)
    except ValidationError as error:
        place = ".".join(map(str, error.errors()[0]["loc"]))
        fault = f"{place} is not as metier plant writes it" if place else "it is not as metier plant writes it"
    raise CallError(
        f"{path} is no file of planted secrets ({fault}). Make one with: metier plant ROWS --output PLANTED --key FILE"
    )
