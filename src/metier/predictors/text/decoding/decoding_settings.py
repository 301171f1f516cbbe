"""How tokens are chosen: what can be set, and what of it does not go together."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from metier.errors import SettingsError


@dataclass(frozen=True)
class DecodingSettings:
    """How tokens are chosen; kept in the bundle.

    Parameters
    ----------
    max_new_tokens : int
        Where an answer ends at the latest.
    beams : int
        Answers that are followed side by side; 1 takes the likeliest token each time.
    temperature : float
        0 chooses the likeliest token; above, tokens are drawn, the more evenly the higher.
    top_p : float
        Drawn are only the likeliest tokens that together have this probability, above 0 to 1 (Holtzman et al., 2020).
    no_repeat_ngram : int
        No run of so many tokens is written twice; 0 allows it.
    seed : int
        Of the draws: the same text gets the same answer.
    top_k : int
        Drawn are only so many of the likeliest tokens (Fan et al., 2018); 0: all.
    min_p : float
        Drawn are only tokens with this share of the likeliest token's probability, 0 to 1 (Nguyen et al., 2024).
    repetition_penalty : float
        Logits of tokens that stand in the answer are divided by it, or multiplied where they are negative (Keskar et al.,
        2019); 1: no penalty.
    min_new_tokens : int
        Before so many tokens an answer does not end.
    length_penalty : float
        The log-probability of a beam is divided by its length to this power: 0 prefers short answers, more prefers longer
        ones. Wu et al. (2016) divide by ((5 + length) / 6) to the power; this is the form of transformers and fairseq.
    early_stopping : bool
        A beam search ends as soon as as many answers as beams have ended; False: once no beam can become better than they
        are.
    constraint : mapping, optional
        `{"kind": "choices", ...}` or `{"kind": "json_schema", ...}`: see `constraints`.
    """

    max_new_tokens: int
    beams: int = 1
    temperature: float = 0.0
    top_p: float = 1.0
    no_repeat_ngram: int = 0
    seed: int = 0
    top_k: int = 0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    min_new_tokens: int = 0
    length_penalty: float = 1.0
    early_stopping: bool = True
    constraint: Mapping[str, Any] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Give them as JSON."""
        return asdict(self)

    def check(self, origin: str) -> None:
        """Refuse settings that cannot work, all at once.

        Raises
        ------
        SettingsError
            With a sentence for each fault.
        """
        faults = []
        for name, value in (("max_new_tokens", self.max_new_tokens), ("beams", self.beams)):
            if value < 1:
                faults.append(f"{name} is {value!r}, expected a whole number above 0")
        if not 0 <= self.temperature < float("inf"):
            faults.append(f"temperature is {self.temperature!r}, expected a number, 0 or more")
        if not 0 < self.top_p <= 1:
            faults.append(f"top_p is {self.top_p!r}, expected a number above 0 and up to 1")
        if self.no_repeat_ngram < 0:
            faults.append(f"no_repeat_ngram is {self.no_repeat_ngram!r}, expected 0 or a whole number above")
        faults += contradictions(vars(self), constraint=(self.constraint or {}).get("kind"))
        if faults:
            raise SettingsError(faults, origin=origin)


def contradictions(values: Mapping[str, Any], *, constraint: str | None) -> list[str]:
    """Say which settings of decoding do not go with one another.

    Parameters
    ----------
    values : mapping
        Settings by name; `max_new_tokens` and `no_repeat_ngram` can be None: chosen by the targets.
    constraint : str or None
        The setting that says what may be written.
    """
    faults = []
    beams, temperature = values["beams"], values["temperature"]
    if beams != 1 and temperature:
        faults.append(f"beams is {beams} and temperature {temperature}: use beam search or sampling, not both")
    draws = [
        name for name, neutral in (("top_k", 0), ("top_p", 1.0), ("min_p", 0.0)) if values[name] != neutral
    ]
    if draws and not temperature:
        faults.append(
            f"{draws[0]} is {values[draws[0]]} and temperature 0: nothing is drawn. Set a temperature such as 0.7, or "
            f"leave {draws[0]} out"
        )
    if beams == 1 and (values["length_penalty"] != 1 or not values["early_stopping"]):
        faults.append(
            "length_penalty and early_stopping are of beam search, and beams is 1. Set beams to 4, or leave them out"
        )
    fewest, most = values["min_new_tokens"], values["max_new_tokens"]
    if most is not None and fewest > most:
        faults.append(
            f"min_new_tokens is {fewest} and max_new_tokens {most}: an answer cannot have both. Lower min_new_tokens"
        )
    for name in ("min_new_tokens", "no_repeat_ngram"):
        if constraint and values[name]:
            faults.append(
                f"{name} is {values[name]} and {constraint} is set: what has to be written may not allow it. Leave "
                f"{name} out"
            )
    return faults


def smallest_unrepeated(rows: Sequence[Sequence[int]], *, most_fraction: float = 0.01) -> int:
    """Give the shortest length, 3 to 12, of n-grams of which at most this share of texts repeats one; else 0.

    Small models loop where people hardly ever repeat themselves: so loops differ from an intended repetition, and
    from characters of several tokens each, as Chinese ones often are.
    """
    for length in range(3, 13):
        repeating = sum(_repeats(row, length) for row in rows)
        if repeating <= most_fraction * len(rows):
            return length
    return 0


def _repeats(row: Sequence[int], length: int) -> bool:
    grams = [tuple(row[at : at + length]) for at in range(len(row) - length + 1)]
    return len(set(grams)) < len(grams)
