"""Bodies of the form multipart/form-data, as browsers and clients of OpenAI send files (RFC 7578).

The whole body is in memory already, within the limit of all bodies, so it is cut at its boundaries and nothing is copied
twice.
"""

import re
from dataclasses import dataclass
from typing import Any

from metier.serving.refusals import RefusalError
from metier.serving.settings import ServingSettings

FORM = "multipart/form-data"
MOST_PARTS = 32
LONGEST_HEADERS = 4_000  # Bytes of the headers of one part.
LONGEST_FIELD = 4_000  # Bytes of a field that is no file.
_boundary = re.compile(r'boundary=(?:"([^"]{1,70})"|([^\s;,"]{1,70}))', re.IGNORECASE).search
_name = re.compile(rb'\bname="([^"]{1,100})"').search
_file_name = re.compile(rb'\bfilename="([^"]*)"').search


@dataclass(frozen=True)
class Form:
    """The parts of a body.

    Parameters
    ----------
    fields : dict of str to str
        What is no file.
    files : dict of str to list of bytes
        The files by the name of their field.
    """

    fields: dict[str, str]
    files: dict[str, list[bytes]]


def asked_by_form(body: bytes, content_type: str, settings: ServingSettings) -> dict[str, Any]:
    """Give what a form asks as JSON would hold it, with the bytes of its files; raises as `read_form` does."""
    # A character has at most four bytes.
    form = read_form(body, content_type, longest_field=4 * settings.max_characters)
    both = next((field for field in form.fields if field in form.files), None)
    if both is not None:
        message = f"The field {both!r} is given as a file and as a value. Send it once."
        raise RefusalError(422, "bad_request", message, field=both)
    found: dict[str, Any] = {
        field: files if len(files) > 1 else files[0] for field, files in form.files.items()
    }
    return found | {field: _plain(field, value) for field, value in form.fields.items()}


def _plain(field: str, value: str) -> Any:
    """Give a value of a form as JSON would hold it."""
    if field == "top" and value.isascii() and value.isdigit():
        return int(value[:9])
    if field in ("stream", "counterfactual") and value in ("true", "false"):
        return value == "true"
    return value


def read_form(body: bytes, content_type: str, *, longest_field: int = LONGEST_FIELD) -> Form:
    """Read a body.

    Parameters
    ----------
    longest_field : int
        Bytes of a field that is no file.

    Raises
    ------
    RefusalError
        If it is of another form (415), or is cut or has too many parts (400).
    """
    found = _boundary(content_type)
    if not content_type.lower().startswith(FORM) or found is None:
        message = "Expected multipart/form-data with its boundary. Send it as: curl -F FIELD=@FILE"
        raise RefusalError(415, "not_multipart", message)
    mark = b"--" + (found[1] or found[2]).encode("latin-1", "replace")
    pieces = body.split(b"\r\n" + mark, MOST_PARTS + 1)
    end = pieces[-1] if len(pieces) > 1 else pieces[0][len(mark) :]
    if not pieces[0].startswith(mark) or not end.startswith(b"--") or len(pieces) > MOST_PARTS + 1:
        message = f"The body is not whole multipart/form-data of at most {MOST_PARTS} parts. Send it again."
        raise RefusalError(400, "bad_multipart", message)
    form = Form({}, {})
    for piece in (pieces[0][len(mark) :], *pieces[1:-1]):
        _add_part(piece, form, longest_field)
    return form


def _add_part(piece: bytes, form: Form, longest_field: int) -> None:
    headers, separator, content = piece.partition(b"\r\n\r\n")
    name = _name(headers) if separator and len(headers) <= LONGEST_HEADERS else None
    if name is None:
        message = "A part of the body has no name. Give each a Content-Disposition: form-data; name=..."
        raise RefusalError(400, "bad_multipart", message)
    field = name[1].decode("utf-8", "replace")
    if _file_name(headers):
        form.files.setdefault(field, []).append(content)
        return
    if field in form.fields:
        message = f"The field {field[:100]!r} is given twice. Send it once."
        raise RefusalError(422, "bad_request", message, field=field[:100])
    if len(content) > longest_field:
        message = f"The field has {len(content):,} bytes; {longest_field:,} are allowed where it is no file."
        raise RefusalError(413, "field_too_long", message, field=field)
    form.fields[field] = content.decode("utf-8", "replace")
