"""What was heard: segments and words with their times, and how sure the model was of each word."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

UNSURE = 0.5  # A word that the model gives a lower probability is marked.


@dataclass(frozen=True)
class Word:
    """One word.

    Parameters
    ----------
    text : str
        As it stands in the text, with the space before it where there is one.
    start, end : float
        In seconds from the beginning of the recording.
    probability : float
        Of its tokens, on average, 0 to 1.
    """

    text: str
    start: float
    end: float
    probability: float

    @property
    def is_sure(self) -> bool:
        """Whether the model was more sure of it than not."""
        return self.probability >= UNSURE


@dataclass(frozen=True)
class Segment:
    """Some seconds of speech, about a sentence.

    Parameters
    ----------
    start, end : float
        In seconds from the beginning of the recording.
    text : str
    words : tuple of Word
    mean_log_probability : float
        Of its tokens.
    no_speech_probability : float
        That nobody speaks, 0 to 1.
    compression_ratio : float
        How often its text repeats itself: bytes by bytes compressed.
    """

    start: float
    end: float
    text: str
    words: tuple[Word, ...] = ()
    mean_log_probability: float = 0.0
    no_speech_probability: float = 0.0
    compression_ratio: float = 0.0

    def moved(self, seconds: float) -> "Segment":
        """Give it so many seconds later."""
        words = tuple(replace(one, start=one.start + seconds, end=one.end + seconds) for one in self.words)
        return replace(self, start=self.start + seconds, end=self.end + seconds, words=words)


@dataclass(frozen=True)
class Transcript:
    """A recording as text.

    Parameters
    ----------
    segments : tuple of Segment
    language : str
        ISO 639-1 code of the language that it was heard in.
    seconds : float
        Of the recording.
    model : str
        Name of the speech model.
    left_out : tuple of (float, float, str)
        Seconds from and to, and why what the model wrote there was not believed.
    """

    segments: tuple[Segment, ...]
    language: str
    seconds: float
    model: str
    left_out: tuple[tuple[float, float, str], ...] = ()

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(segment.text for segment in self.segments).strip()

    @property
    def words(self) -> list[Word]:
        """Every word."""
        return [word for segment in self.segments for word in segment.words]

    @property
    def confidence(self) -> float:
        """Mean probability of the words, 0 to 1; 0 where there are none."""
        words = self.words
        return sum(word.probability for word in words) / len(words) if words else 0.0

    def marked(self) -> str:
        """Give the text with each word that is not sure in brackets with a question mark: `[Thomas?]`."""
        return "".join(marked_segment(segment) for segment in self.segments).strip()

    def as_dict(self) -> dict[str, Any]:
        """Give it as plain facts, for JSON."""
        return asdict(self)

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> "Transcript":
        """Give the transcript of its plain facts; raises `KeyError` or `TypeError` where they are others."""
        segments = tuple(
            Segment(**{**one, "words": tuple(Word(**word) for word in one["words"])})
            for one in facts["segments"]
        )
        left_out = tuple((start, end, why) for start, end, why in facts["left_out"])
        return cls(segments, facts["language"], facts["seconds"], facts["model"], left_out)


def marked_segment(segment: Segment) -> str:
    """Give the text of a segment, its unsure words in brackets with a question mark."""
    if all(word.is_sure for word in segment.words):
        return segment.text
    return "".join(_marked(word) for word in segment.words)


def _marked(word: Word) -> str:
    bare = word.text.strip()
    return word.text if word.is_sure or not bare else word.text.replace(bare, f"[{bare}?]", 1)
