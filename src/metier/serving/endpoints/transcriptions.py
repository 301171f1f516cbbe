"""`POST /v1/audio/transcriptions`: a recording as text, in the form of OpenAI's service, so that its clients work here."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from metier.errors import AudioError, AudioTooLongError, suggest
from metier.serving.endpoints.endpoint import REFUSALS, Endpoint, Service
from metier.serving.engine import Engine
from metier.serving.guards.middleware import note_rows
from metier.serving.multipart import Form, read_form
from metier.serving.refusals import RefusalError
from metier.serving.settings import ServingSettings
from metier.speech.decoding import format_of
from metier.speech.recording import Recording
from metier.speech.subtitles import as_srt, as_vtt, verbose_facts
from metier.speech.transcript import Transcript

FORMATS = ("json", "verbose_json", "text", "srt", "vtt")
# Fields of OpenAI's that clients send and that change nothing here: nothing is drawn at random, and words always have
# their times.
IGNORED = frozenset({"temperature", "prompt", "timestamp_granularities[]"})
KNOWN = ("file", "model", "language", "response_format", *sorted(IGNORED))


def build_transcriptions(service: Service) -> Callable[..., Any]:
    """Give the function that answers."""
    models, settings, bodies = service.models, service.settings, service.bodies

    async def transcriptions(request: Request) -> Response:
        """Turn a recording (`file`, multipart) into text: `response_format` json, verbose_json, text, srt or vtt."""
        async with bodies.read(request) as body:
            models.check_ready()
            form = read_form(body, request.headers.get("content-type", ""))
            del body
            recording = _recording(form, settings)
            form.files.clear()
            note_rows(request, 1)
            engine = models.find_for_client(form.fields.get("model")).engine
            transcript = await _heard(engine, recording, form.fields.get("language") or None)
        return _response(transcript, form.fields.get("response_format", "json"))

    return transcriptions


async def _heard(engine: Engine, recording: Recording, language: str | None) -> Transcript:
    try:
        return await engine.hear(recording, language)
    except AudioError as error:
        raise _refused(error) from None


def _recording(form: Form, settings: ServingSettings) -> Recording:
    """Give the recording of a request; its header is compared with the limits, and no sound is decoded yet."""
    for field in (*form.fields, *form.files):
        if field not in KNOWN:
            message = f"There is no field {field[:80]!r}.{suggest(field, KNOWN)} Known: {', '.join(KNOWN)}."
            raise RefusalError(422, "unknown_field", message, field=field[:80])
    other = next((field for field in form.files if field != "file"), None)
    if other is not None:
        message = f"{other!r} is a file, and takes a value. Send it as in: curl -F {other}=VALUE"
        raise RefusalError(422, "bad_request", message, field=other)
    chosen = form.fields.get("response_format", "json")
    if chosen not in FORMATS:
        message = f"There is no response_format {chosen[:80]!r}. Known: {', '.join(FORMATS)}."
        raise RefusalError(422, "bad_request", message, field="response_format")
    if "file" not in form.files:
        message = "The file is missing. Send it as multipart, as in: curl -F file=@talk.wav"
        raise RefusalError(422, "bad_request", message, field="file")
    data, *others = form.files["file"]
    if others:
        message = f"{1 + len(others):,} files are given in field 'file'. Send one in a request."
        raise RefusalError(422, "bad_request", message, field="file")
    try:
        if len(data) > settings.max_audio_bytes:
            found, allowed = f"{len(data):,} bytes", f"{settings.max_audio_bytes:,} bytes"
            raise AudioTooLongError("in field 'file'", found, allowed)
        recording = Recording(data, "in field 'file'")
        found_format = format_of(recording, most_seconds=settings.max_audio_seconds)
    except AudioError as error:
        raise _refused(error) from None
    return replace(recording, seconds=found_format.seconds or 0.0)


def _refused(error: AudioError) -> RefusalError:
    status = 413 if isinstance(error, AudioTooLongError) else 422
    return RefusalError(status, error.code, str(error), field="file")


def _response(transcript: Transcript, form: str) -> Response:
    if form == "text":
        return PlainTextResponse(transcript.text + "\n")
    if form == "srt":
        return PlainTextResponse(as_srt(transcript), media_type="application/x-subrip")
    if form == "vtt":
        return PlainTextResponse(as_vtt(transcript), media_type="text/vtt")
    return JSONResponse({"text": transcript.text} if form == "json" else verbose_facts(transcript))


TRANSCRIPTIONS = Endpoint(
    "/v1/audio/transcriptions",
    build_transcriptions,
    method="POST",
    options={
        "summary": "Turn a recording into text",
        "tags": ["asking"],
        "responses": REFUSALS,
        "openapi_extra": {
            "requestBody": {
                "required": True,
                "content": {
                    "multipart/form-data": {
                        "schema": {
                            "type": "object",
                            "required": ["file"],
                            "properties": {
                                "file": {"type": "string", "format": "binary"},
                                "model": {"type": "string"},
                                "language": {"type": "string", "description": "ISO 639-1 code."},
                                "response_format": {"type": "string", "enum": list(FORMATS)},
                            },
                        }
                    }
                },
            }
        },
    },
)
