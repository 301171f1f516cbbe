"""The forms a transcript is written in: plain text, JSON, CSV, and the subtitles SubRip (.srt) and WebVTT (.vtt)."""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from metier.speech.transcript import Segment, Transcript, marked_segment

CSV_COLUMNS = ("start", "end", "text", "confidence")


def as_text(transcript: Transcript, *, marks: bool = False) -> str:
    """Give the text, one line."""
    return (transcript.marked() if marks else transcript.text) + "\n"


def as_json(transcript: Transcript, *, marks: bool = False) -> str:
    """Give everything that is known, words with times and probabilities included."""
    return json.dumps(verbose_facts(transcript), ensure_ascii=False) + "\n"


def as_srt(transcript: Transcript, *, marks: bool = False) -> str:
    """Give numbered subtitles with times such as 00:01:02,500."""
    blocks = [
        f"{number}\n{time_code(one.start, ',')} --> {time_code(one.end, ',')}\n{_line(one, marks)}\n"
        for number, one in enumerate(_spoken(transcript), 1)
    ]
    return "\n".join(blocks)


def as_vtt(transcript: Transcript, *, marks: bool = False) -> str:
    """Give subtitles of the web, with times such as 00:01:02.500."""
    blocks = [
        f"{time_code(one.start, '.')} --> {time_code(one.end, '.')}\n{_line(one, marks)}\n"
        for one in _spoken(transcript)
    ]
    return "\n".join(["WEBVTT\n", *blocks])


def as_csv(transcript: Transcript, *, marks: bool = False) -> str:
    """Give a table with one row a segment."""
    written = io.StringIO()
    table = csv.writer(written, lineterminator="\n")
    table.writerow(CSV_COLUMNS)
    for one in _spoken(transcript):
        confidence = sum(word.probability for word in one.words) / max(1, len(one.words))
        table.writerow([round(one.start, 3), round(one.end, 3), _line(one, marks), round(confidence, 3)])
    return written.getvalue()


FORMS: Mapping[str, Callable[..., str]] = {
    "text": as_text,
    "json": as_json,
    "srt": as_srt,
    "vtt": as_vtt,
    "csv": as_csv,
}
SUFFIXES = {".txt": "text", ".json": "json", ".srt": "srt", ".vtt": "vtt", ".csv": "csv"}


def verbose_facts(transcript: Transcript) -> dict[str, Any]:
    """Give a transcript as OpenAI's `verbose_json` has it; `is_sure` of a word and `left_out` are ours."""
    return {
        "task": "transcribe",
        "language": transcript.language,
        "duration": round(transcript.seconds, 3),
        "text": transcript.text,
        "segments": [_segment_facts(number, one) for number, one in enumerate(transcript.segments)],
        "words": [
            {
                "word": one.text.strip(),
                "start": round(one.start, 3),
                "end": round(one.end, 3),
                "probability": round(one.probability, 4),
                "is_sure": one.is_sure,
            }
            for one in transcript.words
        ],
        "model": transcript.model,
        "confidence": round(transcript.confidence, 4),
        "left_out": [
            {"start": round(start, 3), "end": round(end, 3), "reason": why}
            for start, end, why in transcript.left_out
        ],
    }


def _segment_facts(number: int, segment: Segment) -> dict[str, Any]:
    return {
        "id": number,
        "start": round(segment.start, 3),
        "end": round(segment.end, 3),
        "text": segment.text,
        "avg_logprob": round(segment.mean_log_probability, 4),
        "compression_ratio": round(segment.compression_ratio, 4),
        "no_speech_prob": round(segment.no_speech_probability, 4),
    }


def time_code(seconds: float, mark: str) -> str:
    """Give a time as 00:01:02,500, with this mark before the milliseconds."""
    whole = round(1000 * max(0.0, seconds))
    minutes, milliseconds = divmod(whole, 60_000)
    hours, minutes = divmod(minutes, 60)
    seconds_left, milliseconds = divmod(milliseconds, 1000)
    return f"{hours:02d}:{minutes:02d}:{seconds_left:02d}{mark}{milliseconds:03d}"


def _spoken(transcript: Transcript) -> Sequence[Segment]:
    return [one for one in transcript.segments if one.text.strip()]


def _line(segment: Segment, marks: bool) -> str:
    # An arrow or an empty line in a text would begin another subtitle.
    text = marked_segment(segment) if marks else segment.text
    return " ".join(text.split()).replace("-->", "->")
