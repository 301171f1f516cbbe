"""A speech model as it came: what tuning has to beat."""

from typing import Any, ClassVar, Self

import psutil
from pydantic import Field

from metier.bases.speech_bases import load_speech_model, resolve_speech_base
from metier.multimodal.listening import Listening
from metier.multimodal.speech_method import SERVED_BYTES, SpeechMethod, read_examples
from metier.progress import Listener, ignore
from metier.tasks.method_contract import Capabilities, CostRank
from metier.tasks.method_settings import MethodSettings, with_settings
from metier.training.training_cost import Cost

BASE = "A folder of a Whisper model, `whisper-tiny-en` (which `auto` is), or a hub name."
LANGUAGE = "ISO 639-1 code of what is spoken; None: the one that the base hears, or English."


class FrozenSpeechSettings(MethodSettings):
    """Settings of a speech model that stays as it is."""

    base: Any = Field("auto", description=BASE)
    language: str | None = Field(None, description=LANGUAGE)


@with_settings(FrozenSpeechSettings)
class FrozenSpeech(SpeechMethod):
    """A pretrained Whisper that learns nothing: it writes down speech as it came.

    The baseline of `SpeechLora`. It writes words that it knows; a name it has never met becomes words that sound alike.

    Attributes
    ----------
    base_ : Base
    language_ : str
    """

    name = "frozen_speech.v1"
    capabilities: ClassVar[Capabilities] = Capabilities(cost=CostRank.FROZEN, needs_base=True, hears=True)

    def fit(
        self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Check the rows, and load the base.

        Raises
        ------
        SettingsError
            If the base does not hear the language.
        DataError
            If a row has no transcript.
        """
        self.Settings.of(self)
        read_examples(X, y)
        self._load()
        self.chosen_params_: dict[str, Any] = {"base": self.base_.name}
        self.facts_: dict[str, Any] = {"base": self.base_.name, "language": self.language_}
        return self

    def measure(self, X: Any, y: Any = None) -> Cost:
        """Time some real recordings."""
        examples = read_examples(X, y)
        self._load()
        before, seconds = self._time_answers(examples.items)
        memory = psutil.Process().memory_info().rss + SERVED_BYTES
        return Cost(0.0, 0.0, memory, seconds_per_answer=seconds, seconds_fixed=before)

    def _load(self) -> None:
        self.base_ = resolve_speech_base(self.base)
        self.language_ = Listening(self.base_, language=self.language).language
        self._set_model(load_speech_model(self.base_))
