"""Requests, read: each limit is checked before what it bounds is built, and the first fault ends the reading.

Whoever can send a body can send eight megabytes of `{}`, which is two million objects, or a field whose name is as
long. So the values of a body are counted before it is parsed, the lists of questions are looked at one item after the
other, and messages quote the start of what was found.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from pydantic import BaseModel, Field, ValidationError
from pydantic_core import from_json

from metier.errors import (
    AudioError,
    AudioTooLongError,
    DataError,
    ImageError,
    ImageTooLargeError,
    MetierError,
    MissingSideError,
    quoted,
    suggest,
)
from metier.image.picture import Picture
from metier.serving.multipart import FORM, asked_by_form
from metier.serving.refusals import RefusalError
from metier.serving.settings import ServingSettings
from metier.speech.recording import Recording
from metier.tasks.inputs import TEXT, InputKind
from metier.tasks.inputs.spoken import is_spoken

LISTS = {"texts": (str, "string"), "rows": (dict, "dictionary")}  # What each holds, and its name in a message.
# A conversation of thirty turns has about a hundred; a body of more is refused before it is parsed.
VALUES_PER_ROW = 100
LONGEST_FIELD = 80  # Characters of a caller's own field name that a response repeats.
OPENERS, COMMA, QUOTE = b"[{", ord(","), ord('"')


class PredictRequest(BaseModel, frozen=True, extra="allow", strict=True):
    """One question, or several. What a question consists of depends on the task that is served."""

    text: str | None = Field(default=None, description="One text to answer; or give `texts`.")
    texts: list[str] | None = Field(default=None, description="Several texts to answer in one request.")
    rows: list[dict[str, Any]] | None = Field(
        default=None, description="Several inputs of a task whose input has more than one text."
    )
    model: str | None = Field(
        default=None,
        description="Name of the model, where several are served: `support`, `support@champion` or `support/3`.",
    )
    top: int | None = Field(
        default=None,
        ge=1,
        description="Also return the probabilities of this many labels, the most probable first.",
    )
    subject: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description="Whom the questions are about, such as a number of a customer: kept as a digest, to erase them.",
    )
    stream: bool = Field(
        default=False,
        description='Stream one generated text as server-sent events: `data: {"piece": …}` each, '
        "then `event: done` with the whole answer. For generative models.",
    )


Asked = TypeVar("Asked", bound=PredictRequest)


@dataclass(frozen=True)
class Questions:
    """A request, read.

    Parameters
    ----------
    items : list
        What is asked, as the task takes it.
    field : str or None
        The field whose list the items are; None: there is one, and one answer goes back.
    top : int or None
    stream : bool
    subject : str or None
        Whom the questions are about, to find their predictions again.
    """

    items: list[Any]
    field: str | None
    top: int | None
    stream: bool = False
    subject: str | None = None

    @property
    def is_one(self) -> bool:
        """Whether one answer goes back, or a list."""
        return self.field is None

    def place(self, position: int, key: str | None = None) -> str | None:
        """Give the field of an item, or of one of its keys: `texts.3`, `rows.1.text_pair`, `passage`."""
        row = None if self.field is None else f"{self.field}.{position}"
        return ".".join(part for part in (row, key) if part) or None


def read_request(
    body: bytes,
    settings: ServingSettings,
    kind: InputKind = TEXT,
    *,
    content_type: str = "",
    takes_blanks: bool = True,
) -> Questions:
    """Read a request and compare it with the limits.

    A body is JSON, whatever it is called (`curl -d` calls it a form), unless it is called multipart/form-data, which has
    files in it.

    Parameters
    ----------
    kind : InputKind
        What is asked of the served task.
    takes_blanks : bool
        Whether white space alone is a question, as it is to a classifier; a writer has nothing to write about.

    Raises
    ------
    RefusalError
        If the body is not JSON or a form that is cut (400), has wrong fields or a question that cannot be answered (422),
        or asks for too much (413).
    """
    request = read_fields(PredictRequest, body, settings, kind, content_type=content_type)
    return read_questions(request, settings, kind, takes_blanks=takes_blanks)


def read_fields(
    form: type[Asked], body: bytes, settings: ServingSettings, kind: InputKind = TEXT, *, content_type: str = ""
) -> Asked:
    """Read the fields of a request, and leave the questions in them for `read_questions`; raises as `read_request` does."""
    is_form = content_type.lower().startswith(FORM)
    found = asked_by_form(body, content_type, settings) if is_form else parse_body(body, settings, kind)
    _check_lists(found, settings)
    try:
        return form.model_validate(found)
    except ValidationError as error:
        raise refusal_of_fields(error) from None


def read_questions(
    request: PredictRequest, settings: ServingSettings, kind: InputKind = TEXT, *, takes_blanks: bool = True
) -> Questions:
    """Give the questions of a request, compared with the limits; raises as `read_request` does."""
    read = _received(_question_fields(request, kind), kind, settings)
    _check_characters(read, settings)
    _check_questions(read, kind, takes_blanks=takes_blanks)
    return read


def parse_body(body: bytes, settings: ServingSettings, kind: InputKind = TEXT) -> Any:
    """Give what the JSON of a body holds; raises RefusalError where it is none (400), or too many values (413)."""
    allowed = VALUES_PER_ROW * max(1_000, settings.max_rows)
    values = _count_values(body, enough=allowed)
    if values > allowed:
        message = f"The body has {values:,} JSON values; {allowed:,} are allowed. Send fewer questions in one request."
        raise RefusalError(413, "too_many_values", message)
    try:
        return from_json(body, allow_inf_nan=False)
    except ValueError as error:
        message = f"The body is not JSON (invalid JSON: {error}). Send {_example(kind)}."
        raise RefusalError(400, "bad_json", message) from None


def _example(kind: InputKind) -> str:
    """Give a body that asks a question of a kind."""
    if kind.fault("") is None:
        return '{"text": "..."} or {"texts": ["..."]}'
    held = ", ".join(f'"{key}": "..."' for key in kind.keys)
    if not kind.has_texts or "image" in kind.keys:
        return f"{{{held}}} with the file in base64, or the file itself: curl -F {kind.keys[-1]}=@FILE"
    return f"{{{held}}}"


def _count_values(body: bytes, *, enough: int) -> int:
    """Give at least how many values a JSON text has, without parsing it; exact only where it is above `enough`."""
    roughly = body.count(b",") + body.count(b"[") + body.count(b"{")
    if roughly <= enough:
        return roughly
    # Commas and brackets in texts are no values. Without escapes every second quotation mark ends a text.
    plain = np.frombuffer(body.replace(rb"\\", b"__").replace(rb"\"", b"__"), dtype=np.uint8)
    is_text = np.cumsum(plain == QUOTE, dtype=np.uint8) & 1  # Sums wrap at 256, which keeps them odd or even.
    is_value = (plain == COMMA) | (plain == OPENERS[0]) | (plain == OPENERS[1])
    return int(np.count_nonzero(is_value & (is_text == 0)))


def _check_lists(found: Any, settings: ServingSettings) -> None:
    """Refuse a body that is no object, too long a list, and a list with an item of another type: the first one."""
    if not isinstance(found, dict):
        raise _wrong_type(None, "dictionary", found)
    for field, (of, expected) in LISTS.items():
        items = found.get(field)
        if items is None:
            continue
        if not isinstance(items, list):
            raise _wrong_type(field, "list", items)
        if len(items) > settings.max_rows:
            message = (
                f"{len(items):,} {field} in one request; {settings.max_rows:,} are allowed. "
                "Send them in several requests, or use `metier predict --input` for files."
            )
            raise RefusalError(413, "too_many_rows", message, field=field)
        for position, item in enumerate(items):
            if not isinstance(item, of):
                raise _wrong_type(f"{field}.{position}", expected, item)


def _wrong_type(field: str | None, expected: str, found: Any) -> RefusalError:
    where = f"Field {field!r}" if field else "The body"
    message = f"{where}: input should be a valid {expected}; found {type(found).__name__}."
    return RefusalError(422, "bad_request", message, field=field)


def refusal_of_fields(error: ValidationError) -> RefusalError:
    """Give the refusal of fields that have another type or value than is expected (422)."""
    fault = error.errors(include_url=False, include_context=False)[0]
    field = ".".join(str(part) for part in fault["loc"])
    message = f"Field {field!r}: {fault['msg'].lower()}; found {type(fault['input']).__name__}."
    return RefusalError(422, "bad_request", message, field=field)


def _question_fields(request: PredictRequest, kind: InputKind) -> Questions:
    own = dict(request.model_extra or {}) | ({} if request.text is None else {"text": request.text})
    given = {"texts": request.texts, "rows": request.rows}
    lists = {name: items for name, items in given.items() if items is not None}
    takes_texts = kind.fault("") is None
    several = "texts" if takes_texts else "rows"
    known = [*kind.keys, *kind.optional_keys, several, *(["rows"] if takes_texts and kind is not TEXT else [])]
    for field in (*own, *lists):
        if field not in known:
            options = [name for name in type(request).model_fields if name not in ("text", "texts", "rows")]
            raise unknown_field(field, [*known, *options])
    if len(lists) + bool(own) != 1:
        found = "neither" if not (own or lists) else "both"
        one = "'text' (one text)" if kind is TEXT else " and ".join(map(repr, kind.keys))
        message = f"Expected either {one} or {several!r} (a list), found {found}."
        raise RefusalError(422, "bad_request", message, field=kind.keys[0])
    if request.stream and lists:
        message = (
            "Only one answer can be streamed at a time, found a list. Send one input, or leave out 'stream'."
        )
        raise RefusalError(422, "bad_request", message, field="stream")
    if not lists:
        if request.subject is not None and "subject" in kind.optional_keys:
            own = {"subject": request.subject, **own}  # A memory erases by it.
        item = own["text"] if set(own) == {"text"} and takes_texts else own
        return Questions([item], None, request.top, request.stream, request.subject)
    [(name, items)] = lists.items()
    return Questions(list(items), name, request.top, subject=request.subject)


def unknown_field(field: str, known: Sequence[str]) -> RefusalError:
    """Give the refusal of a field that is not known (422)."""
    message = f"There is no field {quoted(field)}.{suggest(field, known)} Known: {', '.join(known)}."
    return RefusalError(422, "unknown_field", message, field=field[:LONGEST_FIELD])


def _received(asked: Questions, kind: InputKind, settings: ServingSettings) -> Questions:
    """Give the questions as the model takes them; those of a wrong form are left for `_check_questions`."""
    if kind is TEXT and all(type(item) is str for item in asked.items):
        return asked  # Nothing to decode.
    items = []
    for position, item in enumerate(asked.items):
        key = kind.place_of(item)
        field = asked.place(position, key) or key
        try:
            is_read = kind.fault(item) is None
            most_bytes = settings.max_audio_bytes if is_spoken(item) else settings.max_image_bytes
            items.append(kind.received(item, field=field, most_bytes=most_bytes) if is_read else item)
        except (ImageError, AudioError) as error:
            status = 413 if isinstance(error, ImageTooLargeError | AudioTooLongError) else 422
            raise RefusalError(status, error.code, str(error), field=field) from None
    pictures = [one for item in items for one in _pictures_of(item)]
    check_pictures(pictures, asked.field or "image", settings)
    _check_seconds(items, asked.field or "audio", settings)
    return replace(asked, items=items)


def check_pictures(pictures: Sequence[Picture], field: str, settings: ServingSettings) -> None:
    """Refuse more images, or more pixels in all of them, than one request may have (413)."""
    if len(pictures) > settings.max_rows:
        n, most = len(pictures), settings.max_rows
        message = f"{n:,} images in one request; {most:,} are allowed. Send them in several requests."
        raise RefusalError(413, "too_many_images", message, field=field)
    pixels = sum(one.n_pixels for one in pictures)
    if pixels > settings.max_request_pixels:
        message = (
            f"{pixels:,} pixels in one request; {settings.max_request_pixels:,} are allowed. "
            "Send the images in several requests, or make them smaller."
        )
        raise RefusalError(413, "too_many_pixels", message, field=field)


def _pictures_of(item: Any) -> Sequence[Picture]:
    """Give the images of a question: it is one, or holds some beside texts."""
    held = item.values() if isinstance(item, dict) else [item]
    return [one for part in held if isinstance(part, Picture) for one in part.each]


def _check_seconds(items: list[Any], field: str, settings: ServingSettings) -> None:
    parts = [item["audio"] if is_spoken(item) else item for item in items]
    seconds = sum(part.seconds for part in parts if isinstance(part, Recording))
    if seconds > settings.max_audio_seconds:
        message = (
            f"{seconds:,.0f} seconds of sound in one request; {settings.max_audio_seconds:,} are allowed. "
            "Send the recordings in several requests, or cut them."
        )
        raise RefusalError(413, "audio_too_long", message, field=field)


def _check_characters(asked: Questions, settings: ServingSettings) -> None:
    counts = {
        asked.place(position) or "text": count_characters(item) for position, item in enumerate(asked.items)
    }
    check_lengths(counts, asked.field or "text", settings)


def check_lengths(counts: Mapping[str, int], field: str, settings: ServingSettings) -> None:
    """Refuse texts of too many characters, counted by their fields: one of them, or all together (413)."""
    for place, characters in counts.items():
        if characters > settings.max_characters:
            message = (
                f"{characters:,} characters in a text; {settings.max_characters:,} are allowed. Shorten it."
            )
            raise RefusalError(413, "text_too_long", message, field=place)
    total = sum(counts.values())
    if total > settings.max_request_characters:
        message = (
            f"{total:,} characters in one request; {settings.max_request_characters:,} are allowed. "
            "Send the texts in several requests."
        )
        raise RefusalError(413, "too_many_characters", message, field=field)


def count_characters(item: Any) -> int:
    """Give how many characters all texts in an item have."""
    if isinstance(item, str):
        return len(item)
    parts = item.values() if isinstance(item, Mapping) else item if isinstance(item, list) else ()
    return sum(map(count_characters, parts))


def _check_questions(read: Questions, kind: InputKind, *, takes_blanks: bool) -> None:
    """Refuse questions of another form, and those that no model of the task could answer."""
    if not read.items:
        message = f"Expected at least one question in {read.field!r}, found none."
        raise RefusalError(422, "bad_request", message, field=read.field)
    for position, item in enumerate(read.items):
        field = read.place(position) or kind.place_of(item)
        fault = kind.fault(item)
        if fault:
            raise RefusalError(422, "bad_request", f"Field {field!r}: {fault}", field=field)
        try:
            [question] = kind.read([item], origin=f"field {field!r}")
            is_asked = takes_blanks or not kind.has_texts
            if not is_asked and not any(text.strip() for text in kind.texts([question])):
                raise DataError(f"Field {field!r} is blank, so there is nothing to write about. Give a text.")
        except MissingSideError as error:
            field = read.place(position, error.side) or field
            message = f"Field {field!r} is blank. Fill it in, or leave this question out."
            raise RefusalError(422, error.code, message, field=field) from None
        except MetierError as error:
            raise RefusalError(422, error.code, str(error), field=field) from None
