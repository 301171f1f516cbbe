"""`POST /v1/chat/completions`: a conversation with pictures, in the form of the service of OpenAI and of its clients.

The whole conversation is in each request; nothing of it is kept. What the reply stands on (labels, cases with their
similarities) goes back beside `choices`.
"""

import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from fastapi import Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from metier.dialogue.image_dialogue import Language, Reply
from metier.dialogue.messages import Message, read_messages
from metier.errors import ConversationError, ImageError, ImageTooLargeError, quoted
from metier.serving.endpoints.endpoint import REFUSALS, Endpoint, Service, json_body
from metier.serving.endpoints.predict import NOT_BUFFERED
from metier.serving.guards.middleware import note_rows
from metier.serving.refusals import RefusalError
from metier.serving.request_ids import current_request_id
from metier.serving.request_reading import check_lengths, check_pictures, parse_body, unknown_field
from metier.serving.settings import ServingSettings

LANGUAGES = ("auto", "en", "zh")
# Fields of OpenAI's that clients send and that change nothing here: a reply is not drawn at random.
IGNORED = frozenset(
    {
        *("temperature", "top_p", "max_tokens", "max_completion_tokens", "seed", "user", "stop"),
        *("presence_penalty", "frequency_penalty", "stream_options", "metadata", "store", "n"),
    }
)
KNOWN = ("messages", "model", "stream", "language", *sorted(IGNORED))


@dataclass(frozen=True)
class Asked:
    """A request, read."""

    messages: list[Message]
    model: str | None
    stream: bool
    language: Language


def build_chat_completions(service: Service) -> Callable[..., Any]:
    """Give the function that answers."""
    models, metrics = service.models, service.metrics
    settings, bodies = service.settings, service.bodies

    async def chat_completions(request: Request) -> Response:
        """Reply to a conversation (`messages`) whose pictures are data URLs, after the nearest cases that were answered.

        For a search of pictures that is served with its cases. The reply is in the user's language, English or Chinese,
        unless `language` says which.
        """
        async with bodies.read(request) as body:
            if not models.first.is_named:
                models.first.engine.check_converses()
            asked = read_chat(body, settings)
            del body
            model = models.find_for_client(asked.model)
            engine = model.engine
            note_rows(request, 1)
            reply, latency_ms = await engine.reply(asked.messages, asked.language)
        metrics.count_answers([engine.name])
        facts = {"id": f"chatcmpl-{current_request_id()}", "created": int(time.time()), "model": engine.name}
        facts |= model.facts
        if asked.stream:
            return StreamingResponse(
                _events(facts, reply), media_type="text/event-stream", headers=NOT_BUFFERED
            )
        return JSONResponse(_completion(facts, reply, latency_ms))

    return chat_completions


def read_chat(body: bytes, settings: ServingSettings) -> Asked:
    """Read a request and compare it with the limits.

    Raises
    ------
    RefusalError
        If the body is not JSON (400), has a wrong field, message or picture (422), or asks for too much (413).
    """
    found = parse_body(body, settings)
    if not isinstance(found, dict):
        raise _wrong(None, "an object with messages", found)
    for field in found:
        if field not in KNOWN:
            raise unknown_field(field, KNOWN)
    stream, language = found.get("stream") or False, found.get("language") or "auto"
    model = found.get("model")
    if not isinstance(model, str | None):
        raise _wrong("model", "the name of a model", model)
    if not isinstance(stream, bool):
        raise _wrong("stream", "true or false", stream)
    if language not in LANGUAGES:
        raise _wrong("language", f"one of {', '.join(LANGUAGES)}", language)
    if found.get("n") not in (None, 1):
        raise _wrong("n", "1, since one reply is given", found["n"])
    messages = found.get("messages")
    if isinstance(messages, list) and len(messages) > settings.max_rows:
        message = f"{len(messages):,} messages in one request; {settings.max_rows:,} are allowed. Leave the oldest out."
        raise RefusalError(413, "too_many_messages", message, field="messages")
    read = _messages(messages, settings)
    counts = {f"messages.{place}.content": len(one.content) for place, one in enumerate(read)}
    check_lengths(counts, "messages", settings)
    pictures = [picture for one in read if one.image for picture in one.image.each]
    check_pictures(pictures, "messages", settings)
    return Asked(read, model, stream, cast(Language, language))


def _messages(found: Any, settings: ServingSettings) -> list[Message]:
    try:
        return read_messages(found, most_bytes=settings.max_image_bytes)
    except ConversationError as error:
        raise RefusalError(422, error.code, str(error), field=error.field) from None
    except ImageError as error:
        status = 413 if isinstance(error, ImageTooLargeError) else 422
        raise RefusalError(status, error.code, str(error), field="messages") from None


def _wrong(field: str | None, expected: str, found: Any) -> RefusalError:
    where = f"Field {field!r}" if field else "The body"
    return RefusalError(
        422, "bad_request", f"{where}: expected {expected}, found {quoted(found)}.", field=field
    )


def _completion(facts: Mapping[str, Any], reply: Reply, latency_ms: float) -> dict[str, Any]:
    message = {"role": "assistant", "content": reply.text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {
        **facts,
        "object": "chat.completion",
        "choices": [choice],
        **_ground(reply),
        "latency_ms": round(latency_ms, 3),
    }


async def _events(facts: Mapping[str, Any], reply: Reply) -> AsyncIterator[str]:
    """Give the reply as chunks of OpenAI's form: its words, then what they stand on."""
    parts: Any = ({"role": "assistant", "content": reply.text}, None), ({}, "stop")
    for delta, finish in parts:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        chunk = {**facts, "object": "chat.completion.chunk", "choices": [choice]}
        chunk |= _ground(reply) if finish else {}
        yield f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n"
    yield "data: [DONE]\n\n"


def _ground(reply: Reply) -> dict[str, Any]:
    return {name: value for name, value in reply.as_dict().items() if name != "text"}


BODY: dict[str, Any] = {
    "type": "object",
    "required": ["messages"],
    "properties": {
        "messages": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["role"],
                "properties": {
                    "role": {"type": "string"},
                    "content": {"description": "A text, or parts of the type text or image_url."},
                },
            },
        },
        "model": {"type": "string", "description": "Name of the model, where several are served."},
        "language": {"type": "string", "enum": list(LANGUAGES)},
        "stream": {"type": "boolean"},
    },
    "example": {
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Is this ripe?"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo..."}},
                ],
            }
        ]
    },
}
CHAT_COMPLETIONS = Endpoint(
    "/v1/chat/completions",
    build_chat_completions,
    method="POST",
    options={
        "summary": "Reply to a conversation that may hold pictures",
        "tags": ["asking"],
        "responses": REFUSALS,
        "openapi_extra": json_body(BODY),
    },
)
