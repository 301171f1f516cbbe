"""What a video shows and what is said in it, with time codes: facts, a text by a template, and subtitles."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from metier.errors import AudioError, CallError
from metier.progress import Listener, Progress, ignore
from metier.speech.recording import Recording
from metier.speech.subtitles import time_code
from metier.speech.transcriber import Transcriber
from metier.speech.transcript import Segment, Transcript
from metier.tasks.answer_batches import AnswerBatch
from metier.tasks.answers.kind import AnswerKind
from metier.tasks.inputs import InputKind
from metier.video.frames import MOST_SECONDS, scenes

AT_ONCE = 16  # Pictures that a model is asked about at a time.
NO_TRACK = "it has no audio track"  # What the room of speech says of a video without sound.


class Tagged(NamedTuple):
    """A scene and what a model says that it shows."""

    start: float
    end: float
    shown: str
    record: dict[str, Any]


@dataclass(frozen=True)
class Description:
    """A video in words.

    Parameters
    ----------
    video : str
        Its name.
    seconds : float
    scenes : tuple of Tagged
        `shown` is empty where no model tags them.
    transcript : Transcript or None
        None: it has no sound, or nobody listened.
    """

    video: str
    seconds: float
    scenes: tuple[Tagged, ...]
    transcript: Transcript | None

    @property
    def spoken(self) -> list[Segment]:
        """What is said, without what has no words."""
        return [one for one in self.transcript.segments if one.text.strip()] if self.transcript else []

    def as_dict(self) -> dict[str, Any]:
        """Give it as plain facts."""
        said = [{"start": one.start, "end": one.end, "text": _line(one.text)} for one in self.spoken]
        shown = [
            {"start": round(one.start, 3), "end": round(one.end, 3), "shown": one.shown, **one.record}
            for one in self.scenes
        ]
        return {
            "video": self.video,
            "seconds": round(self.seconds, 3),
            "scenes": shown,
            "said": said,
            "language": self.transcript.language if self.transcript else None,
            "speech_model": self.transcript.model if self.transcript else None,
            "text": self.text,
        }

    @property
    def text(self) -> str:
        """One line a scene or sentence, in the order of time: what is seen, in brackets, and what is said."""
        return "\n".join(f"{time_code(start, '.')[:8]} {words}" for start, _, words in self._cues())

    def _cues(self) -> list[tuple[float, float, str]]:
        shown = [(one.start, one.end, f"[{_line(one.shown)}]") for one in self.scenes if one.shown]
        said = [(one.start, one.end, _line(one.text)) for one in self.spoken]
        return sorted([*shown, *said], key=lambda cue: cue[0])

    def srt(self) -> str:
        """Give it as numbered subtitles."""
        blocks = [
            f"{number}\n{time_code(start, ',')} --> {time_code(end, ',')}\n{words}\n"
            for number, (start, end, words) in enumerate(self._cues(), 1)
        ]
        return "\n".join(blocks)

    def vtt(self) -> str:
        """Give it as subtitles of the web."""
        blocks = [
            f"{time_code(start, '.')} --> {time_code(end, '.')}\n{words}\n"
            for start, end, words in self._cues()
        ]
        return "\n".join(["WEBVTT\n", *blocks])


FORMS: Mapping[str, Callable[[Description], str]] = {
    "text": lambda found: found.text + "\n",
    "json": lambda found: json.dumps(found.as_dict(), ensure_ascii=False, indent=1) + "\n",
    "srt": Description.srt,
    "vtt": Description.vtt,
}


class Tagger(Protocol):
    """A bundle of images, as `metier.load` gives it."""

    @property
    def input_kind(self) -> InputKind:
        """The form of its questions."""
        ...

    @property
    def answer_kind(self) -> AnswerKind:
        """The form of its answers."""
        ...

    def predict(self, items: Sequence[Any], /) -> AnswerBatch:
        """Answer pictures."""
        ...


def describe(
    video: str | Path,
    *,
    tagger: Tagger | None = None,
    transcriber: Transcriber | None = None,
    most_seconds: float = MOST_SECONDS,
    listener: Listener = ignore,
) -> Description:
    """Describe a video: one picture of each scene is tagged, and what is said is written down.

    Parameters
    ----------
    tagger : Tagger, optional
        Of images, or of texts with images; None: scenes are given without tags.
    transcriber : Transcriber, optional
        None: nobody listens.
    most_seconds : float
        A longer video is refused.

    Raises
    ------
    VideoError, VideoTooLongError
        If it is no video, has no frames, is damaged, or is too long.
    CallError
        If the tagger is not asked about images.
    AudioError
        If its sound is damaged.
    """
    if tagger is not None and "image" not in tagger.input_kind.keys:
        raise CallError(
            f"A video is tagged by a model of images, and this one is asked about {tagger.input_kind.noun}. Train one "
            "on rows with an image column."
        )
    listener(Progress("looking at the scenes", 0, None, unit="scenes"))
    found = scenes(video, most_seconds=most_seconds)
    records: list[dict[str, Any]] = []
    for start in range(0, len(found), AT_ONCE if tagger else len(found)):
        some = [scene.picture for scene in found[start : start + AT_ONCE]]
        records += _tags(tagger, some) if tagger else [{} for _ in found]
        listener(Progress("tagging the scenes", min(start + AT_ONCE, len(found)), len(found), unit="scenes"))
    tagged = tuple(
        Tagged(scene.start, scene.end, tagger.answer_kind.shown(record) if tagger else "", record)
        for scene, record in zip(found, records, strict=True)
    )
    heard = None if transcriber is None else _heard(transcriber, Path(video), most_seconds, listener)
    return Description(Path(video).name, found[-1].end, tagged, heard)


def _tags(tagger: Tagger, pictures: Sequence[Any]) -> list[dict[str, Any]]:
    items = [picture if tagger.input_kind.keys == ("image",) else {"image": picture} for picture in pictures]
    answers = tagger.predict(items)
    return [answers.record(row) for row in range(len(items))]


def _heard(transcriber: Transcriber, video: Path, most_seconds: float, listener: Listener) -> Transcript | None:
    """Give what is said; None where the video has no sound."""
    try:
        return transcriber.transcribe(Recording.of_file(video), most_seconds=most_seconds, listener=listener)
    except AudioError as error:
        if error.fault == NO_TRACK:
            return None
        raise


def _line(text: str) -> str:
    # An arrow or an empty line in a text would begin another subtitle.
    return " ".join(text.split()).replace("-->", "->")
