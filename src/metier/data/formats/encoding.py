"""Detect the encoding of a text file.

UTF-8 is tried first, as other text rarely decodes as UTF-8. Then byte order marks, UTF-16 by its zero bytes,
GB18030 if it gives common Chinese characters, and last charset-normalizer. A file with two encodings is an error
that gives the line: guessing would silently corrupt rows.
"""

import codecs
import re
from collections.abc import Iterator
from typing import BinaryIO

from charset_normalizer import from_bytes

from metier.data.formats.data_file import GZIP_FAULTS, DataFile
from metier.errors import BrokenRowError, CallError, UnreadableFileError

SAMPLE_BYTES = 1_000_000
CHUNK_BYTES = 1 << 20
# Of the characters beyond ASCII, this share must be common Chinese for bytes to be taken for GB18030.
COMMON_FRACTION = 0.8
CHAOS_MARGIN = 0.05  # In charset-normalizer's chaos score of a decoded text, 0 to 1.
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
OTHER_ORDER = {"utf-16-be": "utf-16-le", "utf-16-le": "utf-16-be"}
_OF_HOST_NAMES = ("idna", "punycode")  # Codecs of single names: whole files do not decode.
# Two characters beyond ASCII in a row that are well-formed UTF-8 do not happen by chance in another encoding.
_utf8_run = re.compile(
    rb"(?:[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|\xf0[\x90-\xbf][\x80-\xbf]{2}){2}"
).search


def choose_encoding(file: DataFile, encoding: str | None = None) -> tuple[str, tuple[str, ...]]:
    """Give the encoding of a text file and, unless it is plain UTF-8, a note that states it.

    Parameters
    ----------
    file : DataFile
        A file of text.
    encoding : str, optional
        The user's choice; it is checked at the head of the file only.

    Raises
    ------
    CallError
        If the named encoding does not exist, is none of text files, or needs a mark that the file lacks.
    BrokenRowError
        If some lines are in another encoding than the rest.
    UnreadableFileError
        If no encoding fits.
    """
    if encoding is not None:
        return _stated(encoding, file), ()
    try:
        with file.open() as stream:
            sample = _sample(stream)
    except GZIP_FAULTS:
        raise file.broken_gzip from None
    found = _detect(sample, file)
    note = f"{file.origin} is read as {found} (--encoding)"
    return found, (() if found == "utf-8" else (note,))


def _stated(encoding: str, file: DataFile) -> str:
    """Give the codec that the user names: one of text, whose first bytes are as it demands."""
    try:
        "".encode(encoding)  # rot13, base64 and the like are no encodings of text.
        name = codecs.lookup(encoding).name
    except (LookupError, ValueError):
        name = None
    if name in (None, *_OF_HOST_NAMES):
        raise CallError(
            f"There is no encoding called {encoding!r}. Common ones: utf-8, gb18030, utf-16, big5, "
            "cp1252 (--encoding)."
        )
    try:
        with file.open() as stream:
            head = stream.read(4096)
        codecs.getincrementaldecoder(name)().decode(head[:4], final=False)
    except UnicodeDecodeError:
        pass  # Reading the rows will report the line.
    except UnicodeError:
        raise CallError(
            f"{file.origin} does not begin with the byte order mark of {name}. Leave --encoding out to have it "
            "detected, or state the order of the bytes: utf-16-le, utf-16-be."
        ) from None
    except GZIP_FAULTS:
        raise file.broken_gzip from None
    if name in OTHER_ORDER and _wide(head) == OTHER_ORDER[name]:
        raise CallError(  # It would decode, as Chinese that nobody wrote.
            f"{file.origin} is not in {name}: the bytes are in the other order. State --encoding "
            f"{OTHER_ORDER[name]}, or leave it out to have it detected."
        )
    return name


def _sample(stream: BinaryIO) -> bytes:
    """Give the head of a file, and if its first non-ASCII character comes later, that part too."""
    head = stream.read(SAMPLE_BYTES)
    if not head.isascii():
        return head
    while chunk := stream.read(CHUNK_BYTES):
        if not chunk.isascii():
            # From a line's start: a sample that begins inside a character would look broken.
            start = chunk.rfind(b"\n", 0, len(chunk) - len(chunk.lstrip(bytes(range(128))))) + 1
            return head[: SAMPLE_BYTES // 2] + b"\n" + chunk[start:] + stream.read(SAMPLE_BYTES)
    return head


def _detect(sample: bytes, file: DataFile) -> str:
    for mark, encoding in _MARKS:
        if sample.startswith(mark):
            return encoding
    if b"\x00" in sample[:4096] and (wide := _wide(sample[:4096])):
        return wide
    if _decodes(sample, "utf-8"):
        return "utf-8"
    lines = [line for line in sample.split(b"\n")[:-1] or [sample] if not line.isascii()]
    foreign = [line for line in lines if not _decodes(line, "utf-8", final=True)]
    if len(foreign) * 2 <= len(lines):
        return "utf-8"  # Reading will report the lines that are not.
    # Only lines with non-ASCII bytes: a megabyte of ASCII around ten accents would hide them.
    other = _other_encoding(b"\n".join(foreign))
    if other is None:
        raise UnreadableFileError(
            f"{file.origin} is not text in any encoding that is recognised. Name its encoding with --encoding, "
            "or check that it is a text file."
        )
    _check_not_mixed(sample, other, file)
    return other


def _wide(head: bytes) -> str | None:
    """Recognise UTF-16 without a byte order mark by the positions of its zero bytes."""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if max(even, odd) < 0.2 * len(head) / 2 or min(even, odd) > 0.05 * max(even, odd):
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def _decodes(sample: bytes, encoding: str, *, final: bool = False) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)().decode(sample, final)
    except UnicodeDecodeError:
        return False
    return True


def _other_encoding(sample: bytes) -> str | None:
    if _decodes(sample, "gb18030"):
        beyond = [character for character in sample.decode("gb18030", "ignore") if not character.isascii()]
        if sum(map(_is_common_chinese, beyond)) >= COMMON_FRACTION * len(beyond):
            return "gb18030"
    matches = [match for match in from_bytes(sample[:100_000]) if _decodes(sample, match.encoding)]
    if not matches:
        return None
    # Between code pages that differ in a few letters a short sample decides by chance; most files are Western.
    western = [match for match in matches if match.encoding in ("cp1252", "latin_1")]
    return "cp1252" if western and western[0].chaos <= matches[0].chaos + CHAOS_MARGIN else matches[0].encoding


def _is_common_chinese(character: str) -> bool:
    """Whether GB 2312 holds a character among its punctuation or its 3,755 most frequent."""
    try:
        first = character.encode("gb2312")[0]
    except UnicodeEncodeError:
        return False
    return 0xA1 <= first <= 0xA3 or 0xB0 <= first <= 0xD7


def _check_not_mixed(sample: bytes, encoding: str, file: DataFile) -> None:
    for number, line in enumerate(sample.split(b"\n"), 1):
        if not line.isascii() and _decodes(line, "utf-8", final=True) and _utf8_run(line):
            raise _mixed(file, number, f"this line is UTF-8, while the lines around it are {encoding}.")


def undecodable_line(file: DataFile, encoding: str) -> BrokenRowError:
    """Give the error with the first line of a file that does not decode in its encoding."""
    line = 1
    with file.open() as stream:
        for text, ended in _decoded(stream, encoding):
            line += text.count("\n")
            if ended:
                break
    if line == 1:
        return _mixed(file, line, f"the file is not in {encoding}: its first line is not.")
    return _mixed(file, line, f"this line is not {encoding}, while the lines before it are.")


def _decoded(stream: BinaryIO, encoding: str) -> Iterator[tuple[str, bool]]:
    decoder = codecs.getincrementaldecoder(encoding)()
    while True:
        chunk = stream.read(CHUNK_BYTES)
        try:
            yield decoder.decode(chunk, not chunk), not chunk
        except UnicodeDecodeError as error:
            yield error.object[: error.start].decode(encoding, "ignore"), True
            return
        if not chunk:
            return


def _mixed(file: DataFile, line: int, found: str) -> BrokenRowError:
    return BrokenRowError(
        file.origin,
        line,
        found,
        remedy="Save the file in one encoding (UTF-8), or name the one that fits all of it with --encoding.",
    )
