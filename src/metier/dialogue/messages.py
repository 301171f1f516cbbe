"""Messages of a conversation in the form of OpenAI's chat completions: words, and pictures as data URLs.

    [{"role": "user", "content": [{"type": "text", "text": "Is this ripe?"},
                                  {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,..."}}]}]

What a caller sends is never taken for a path, and no address is fetched.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from metier.errors import ConversationError, quoted
from metier.image.picture import Picture
from metier.tasks.inputs.image import IMAGE
from metier.tasks.inputs.image import KEY as IMAGE_KEY

ROLES = ("system", "developer", "user", "assistant", "tool")
MOST_IMAGE_BYTES = 5_000_000


class Message(NamedTuple):
    """One turn.

    Parameters
    ----------
    role : str
    content : str
        Its words; parts of a turn are lines.
    image : Picture or None
        Its pictures.
    """

    role: str
    content: str
    image: Picture | None = None


def read_messages(found: Any, *, field: str = "messages", most_bytes: int = MOST_IMAGE_BYTES) -> list[Message]:
    """Give the messages of a request; pictures are opened, and not decoded yet.

    Parameters
    ----------
    found : Any
        As JSON gave it.
    field : str
        What errors call it.
    most_bytes : int
        Of one picture.

    Raises
    ------
    ConversationError
        If it is no list of messages, or one is of another form.
    ImageError, ImageTooLargeError
        If a picture is an address, no base64, none by its content, or too large.
    """
    if not isinstance(found, list) or not found:
        raise ConversationError(field, f"expected a list of messages, found {_noun(found)}")
    return [_message(one, f"{field}.{place}", most_bytes) for place, one in enumerate(found)]


def _message(found: Any, field: str, most_bytes: int) -> Message:
    if not isinstance(found, Mapping):
        raise ConversationError(field, f"expected an object with role and content, found {_noun(found)}")
    role = found.get("role")
    if role not in ROLES:
        raise ConversationError(f"{field}.role", f"expected one of {', '.join(ROLES)}, found {quoted(role)}")
    content = found.get("content")
    if content is None and role in ("assistant", "tool"):  # A turn that called a tool has no words.
        return Message(role, "")
    if isinstance(content, str):
        return Message(role, content)
    if not isinstance(content, list):
        raise ConversationError(
            f"{field}.content", f"expected a text or a list of parts, found {_noun(content)}"
        )
    words, pictures = list[str](), list[Picture]()
    for place, part in enumerate(content):
        read = _part(part, f"{field}.content.{place}", most_bytes)
        words.append(read) if isinstance(read, str) else pictures.append(read)
    if pictures and role != "user":
        raise ConversationError(f"{field}.content", "pictures are sent by the role user alone")
    return Message(role, "\n".join(words), Picture.of_several(pictures) if pictures else None)


def _part(found: Any, field: str, most_bytes: int) -> str | Picture:
    """Give the words or the picture of a part."""
    kind = found.get("type") if isinstance(found, Mapping) else None
    if kind == "text":
        if not isinstance(found.get("text"), str):
            raise ConversationError(f"{field}.text", f"expected a text, found {_noun(found.get('text'))}")
        return str(found["text"])
    if kind != "image_url":
        what = quoted(kind) if isinstance(found, Mapping) else _noun(found)
        raise ConversationError(field, f"expected a part of the type text or image_url, found {what}")
    link = found.get("image_url")
    url = link.get("url") if isinstance(link, Mapping) else link
    field = f"{field}.image_url"
    if not isinstance(url, str):
        raise ConversationError(field, f"expected an object with url, found {_noun(url)}")
    return IMAGE.received({IMAGE_KEY: url}, field=field, most_bytes=most_bytes)


def last_asked(messages: Sequence[Message | Mapping[str, Any]]) -> Message:
    """Give the words of a user's last message, and the last picture that a user sent.

    Raises
    ------
    ConversationError
        If they are no conversation, or hold neither words nor a picture.
    """
    turns = [_turn(message, place) for place, message in enumerate(_listed(messages))]
    mine = [turn for turn in turns if turn.role == "user"]
    image = next((turn.image for turn in reversed(mine) if turn.image is not None), None)
    text = mine[-1].content.strip() if mine else ""
    if not text and image is None:
        raise ConversationError("messages", "no message of the role user has words or a picture")
    return Message("user", text, image)


def words_of(messages: Sequence[Message | Mapping[str, Any]]) -> str:
    """Give all that a user said, to see in which language."""
    turns = [_turn(message, place) for place, message in enumerate(_listed(messages))]
    return "\n".join(turn.content for turn in turns if turn.role == "user")


def _listed(messages: Any) -> Sequence[Any]:
    if isinstance(messages, str | bytes) or not isinstance(messages, Sequence):
        raise ConversationError("messages", f"expected a list of messages, found {_noun(messages)}")
    return messages


def _turn(message: Any, place: int) -> Message:
    """Give a message that Python code wrote: its picture is a path, or the bytes of a file."""
    if isinstance(message, Message):
        return message
    field = f"messages.{place}"
    if not isinstance(message, Mapping) or not isinstance(message.get("content", ""), str):
        raise ConversationError(field, "expected an object with role, content and perhaps image")
    image = message.get("image")
    if image is not None and not isinstance(image, Picture):
        [image] = IMAGE.read([image], origin=field)
    return Message(str(message.get("role")), message.get("content", ""), image)


def _noun(found: Any) -> str:
    return "an empty list" if found == [] else type(found).__name__
