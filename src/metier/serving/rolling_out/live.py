"""A roll-out in the process of a service: the new version, loaded, and what was observed of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from metier.registry.criteria import CORRECTIONS
from metier.registry.running import Running
from metier.serving.answer_threads import AnswerThreads
from metier.serving.models import Model, Models
from metier.serving.prediction_log.records import Prediction
from metier.serving.rolling_out.observations import Observations
from metier.serving.settings import ServingSettings


@dataclass(frozen=True)
class Live:
    """A roll-out in this process.

    Parameters
    ----------
    running : Running
    challenger : Model
        The new version, loaded and warm.
    observations : Observations
    """

    running: Running
    challenger: Model
    observations: Observations

    def hashed(self, key: str | None) -> str | None:
        """Give what stands for a caller; None: each request is a caller of its own."""
        return None if key is None else self.running.hashed(key)

    def note_feedback(self, about: Prediction, shadows: Sequence[Prediction]) -> None:
        """Note what the feedback on an answer says of the version that gave it, or of both."""
        if CORRECTIONS not in self.running.criteria or about.at < self.running.began_utc:
            return
        if self.running.is_shadow:
            new = next((one for one in shadows if one.version == str(self.running.challenger)), None)
            if new is not None and (old_is_wrong := is_wrong(about, about.answer)) is not None:
                self.observations.corrected_both(
                    self.running.hashed(about.id),
                    old_is_wrong=old_is_wrong,
                    new_is_wrong=bool(is_wrong(about, new.answer)),
                )
        elif about.version in (str(self.running.champion), str(self.running.challenger)):
            found = is_wrong(about, about.answer)
            if found is not None:
                key = self.running.hashed(about.subject or about.caller or about.id)
                is_new = about.version == str(self.running.challenger)
                self.observations.corrected(key, is_new=is_new, is_wrong=found)


def is_wrong(about: Prediction, answer: Any) -> bool | None:
    """Give whether an answer to a question is wrong by the feedback on it; None: that cannot be told.

    A correction tells it of any answer, a thumb only of the one that was given.
    """
    correction = about.correction
    if correction is not None:
        said = answer.get("label", answer.get("labels"))
        return set(said) != set(correction) if isinstance(correction, list) else said != correction
    if about.thumb is not None and answer is about.answer:
        return about.thumb == "down"
    return None


class Following(Protocol):
    """What an endpoint asks about roll-outs."""

    def live(self, model: Model, asked: str | None) -> Live | None:
        """Give the roll-out in which a model is the champion."""
        ...

    def live_of(self, name: str) -> Live | None:
        """Give the roll-out of a model by its name."""
        ...

    @property
    def has_spare_thread(self) -> bool:
        """Whether a shadow may be asked: nobody waits, and it has not too much to do itself."""
        ...

    @property
    def runs(self) -> bool:
        """Whether anything is followed."""
        ...

    def start(self) -> None:
        """Begin to follow."""
        ...

    def stop(self) -> None:
        """Tell what was observed, and end."""
        ...


class NoRollOuts:
    """Of a service that serves no registry."""

    has_spare_thread = runs = False

    def live(self, model: Model, asked: str | None) -> Live | None:
        """Give none."""
        return None

    def live_of(self, name: str) -> Live | None:
        """Give none."""
        return None

    def start(self) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Do nothing."""


@runtime_checkable
class RollsOut(Protocol):
    """What models come from that may be rolled out, as a registry."""

    def following(self, models: Models, settings: ServingSettings, threads: AnswerThreads) -> Following:
        """Give what follows its roll-outs."""
        ...
