"""Images in requests: base64 or a form, and a sentence with the field for what is none."""

import base64
import io
import json
import struct
import zlib

import numpy as np
import pytest

from metier.image.picture import Picture
from metier.serving import ServingSettings
from metier.serving.refusals import RefusalError
from metier.serving.request_reading import read_request
from metier.tasks.inputs import AUDIO, IMAGE, TEXT, TEXT_IMAGE
from metier.tasks.inputs.spoken import or_spoken

PIL = pytest.importorskip("PIL.Image", reason="needs metier[image]")
SETTINGS = ServingSettings(max_rows=10)


def png(mode="RGB", size=(6, 4), form="PNG"):
    stream = io.BytesIO()
    picture = PIL.fromarray(np.zeros((size[1], size[0], 3), np.uint8))
    picture = PIL.new(mode, size) if mode == "I;16" else picture.convert(mode)
    picture.save(stream, form)
    return stream.getvalue()


def stating(width, height):
    """A PNG whose header states a size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = b"IHDR" + header
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13)
        + body
        + struct.pack(">I", zlib.crc32(body))
        + b"\0\0\0\0IEND"
    )


def b64(data):
    return base64.b64encode(data).decode()


def asked(body, kind=IMAGE, **how):
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_request(sent, SETTINGS, kind, **how)


GOOD = png()


@pytest.mark.parametrize(
    "value",
    [
        b64(GOOD),
        f"data:image/png;base64,{b64(GOOD)}",
        "\n".join([b64(GOOD)[:76], b64(GOOD)[76:], ""]),
        b64(png("CMYK", form="JPEG")),
        b64(png("I;16")),
        b64(png("P", form="GIF")),
        b64(png(size=(1, 1))),
        [b64(GOOD), b64(png(size=(1, 1)))],
    ],
)
def test_an_image_is_read_however_it_is_sent(value):
    [picture] = asked({"image": value}).items
    assert isinstance(picture, Picture)
    assert all(one.n_pixels >= 1 for one in picture.each)


@pytest.mark.parametrize(
    ("value", "status", "said"),
    [
        ("no base64!", 422, "it is not base64. Send the bytes of the file in base64"),
        ("http://example.com/a.png", 422, "it is an address, and nothing is fetched. Send the bytes"),
        ("/etc/passwd", 422, "The image in field 'image' cannot be used"),
        ("", 422, "it is empty"),
        (b64(stating(8_000, 8_000)), 413, "8,000 x 8,000 pixels; 50,000,000 pixels are allowed"),
        (b64(b"<svg xmlns='http://www.w3.org/2000/svg'/>"), 422, "it is an SVG drawing"),
        (b64(b"<!DOCTYPE html><html></html>"), 422, "it is a web page"),
        (b64(b"%PDF-1.7"), 422, "it is a PDF"),
        (b64(GOOD[:40]), 422, "cannot be used"),
        (None, 422, "should be an image"),
        (5, 422, "should be an image"),
        ([], 422, "should be an image"),
        ([None], 422, "should be an image"),
        ([[b64(GOOD)]], 422, "should be an image"),
        ({"url": "http://a/b.png"}, 422, r"should be an image \(a path, or over HTTP base64\)"),
        ([b64(GOOD), "no base64!"], 422, r"in field 'image\[1\]' cannot be used: it is not base64"),
        ([b64(png(size=(1, 1)))] * 11, 413, "11 images in one request; 10 are allowed"),
    ],
)
@pytest.mark.parametrize("kind", [IMAGE, TEXT_IMAGE])
def test_what_is_no_image_is_refused_with_its_field(kind, value, status, said):
    body = {"image": value} if kind is IMAGE else {"image": value, "text": "a text"}
    if kind is TEXT_IMAGE and value is None:
        body = {"image": None}
        said = "both text and image are missing"
    with pytest.raises(RefusalError, match=said) as refused:
        asked(body, kind)
    assert refused.value.status == status
    assert refused.value.field == ("text" if body == {"image": None} and kind is TEXT_IMAGE else "image")


def test_the_field_of_one_of_several_rows_is_named():
    with pytest.raises(RefusalError) as refused:
        asked({"rows": [{"image": b64(GOOD)}, {"text": "a", "image": "!"}]}, TEXT_IMAGE)
    assert refused.value.field == "rows.1.image"


def test_a_recording_in_place_of_a_text_is_named_as_one():
    with pytest.raises(RefusalError, match="recording in field 'audio'") as refused:
        asked({"audio": "!"}, or_spoken(TEXT))
    assert refused.value.field == "audio"


def form(*parts, boundary="xyz"):
    """A body of a form: of each part its name, its value and whether it is a file."""
    lines = []
    for name, value, is_file in parts:
        file = '; filename="a.png"' if is_file else ""
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'
        lines.append(head.encode() + value + b"\r\n")
    return b"".join(lines) + f"--{boundary}--\r\n".encode()


def of_form(*parts, kind=IMAGE):
    return asked(form(*parts), kind, content_type="multipart/form-data; boundary=xyz")


def test_a_form_holds_the_file_itself():
    read = of_form(("image", GOOD, True), ("top", b"2", False))
    assert read.items[0].source == GOOD
    assert (read.top, read.is_one) == (2, True)
    [item] = of_form(("image", GOOD, True), ("text", b"a text " * 700, False), kind=TEXT_IMAGE).items
    assert (item["image"].source, len(item["text"])) == (GOOD, 4_900)
    [several] = of_form(("image", GOOD, True), ("image", png(size=(1, 1)), True)).items
    assert len(several.each) == 2


@pytest.mark.parametrize(
    ("parts", "kind", "said"),
    [
        ([("file", GOOD, True)], IMAGE, "There is no field 'file'"),
        ([("top", b"3", False)], IMAGE, "neither"),
        ([("image", b"abc!", False)], IMAGE, "it is not base64"),
        ([("image", GOOD, True), ("image", b"a", False)], IMAGE, "given as a file and as a value"),
        ([("text", b"a", False), ("text", b"b", False)], TEXT_IMAGE, "given twice"),
        ([("image", b"<html></html>", True)], TEXT_IMAGE, "it is a web page"),
        ([("text", GOOD, True)], TEXT_IMAGE, "valid string"),
        ([("text", GOOD, True)], TEXT, "valid string"),
        ([("audio", GOOD, True), ("audio", GOOD, True)], AUDIO, "should be a recording"),
        ([("rows", b"[]", False)], IMAGE, "valid list"),
    ],
)
def test_what_a_form_may_not_hold_is_said(parts, kind, said):
    with pytest.raises(RefusalError, match=said):
        of_form(*parts, kind=kind)


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (form(("image", GOOD, True)), "multipart/form-data", 415),
        (form(("image", GOOD, True))[:-20], "multipart/form-data; boundary=xyz", 400),
        (b"", "multipart/form-data; boundary=xyz", 400),
        (GOOD, "image/png", 400),
        (b"image=abc", "application/x-www-form-urlencoded", 400),
    ],
)
def test_a_body_of_another_form_says_what_to_send(body, content_type, status):
    with pytest.raises(RefusalError) as refused:
        asked(body, content_type=content_type)
    assert refused.value.status == status
    if status == 400 and not content_type.startswith("multipart"):
        assert "curl -F image=@FILE" in str(refused.value)
