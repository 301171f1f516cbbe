"""Weights of CTranslate2 are data from end to end, or they are refused in a bundle."""

import struct

import numpy as np
import pytest

from metier.bundles.safety import check_is_data
from metier.errors import BaseModelError, UnsafeFileError
from metier.speech.ctranslate2_file import fault_of, read_variables


def text(value):
    return struct.pack("<H", len(value) + 1) + value.encode() + b"\0"


def whole(*, version=6, n_bytes=None, kind=0):
    array = np.arange(6, dtype=np.float32)
    variable = text("layer/weight") + struct.pack("<BIIB", 2, 2, 3, kind)
    variable += struct.pack("<I", array.nbytes if n_bytes is None else n_bytes) + array.tobytes()
    second = struct.pack("<I", 1) + text("projection/weight") + text("layer/weight")
    return struct.pack("<I", version) + text("WhisperSpec") + struct.pack("<II", 3, 1) + variable + second


def test_what_is_whole_is_read_and_allowed(tmp_path):
    path = tmp_path / "model.bin"
    path.write_bytes(whole())
    assert fault_of(path) is None
    check_is_data(path)
    [(name, value)] = read_variables(path).items()
    assert name == "layer/weight"
    np.testing.assert_array_equal(value, [[0, 1, 2], [3, 4, 5]])


@pytest.mark.parametrize(
    "content",
    [
        whole()[:-1],
        whole()[:20],
        whole() + b"x",
        whole(version=7),
        whole(kind=99),
        whole(n_bytes=20),
        whole(n_bytes=2**31),
        b"\x80\x04K\x01.",
        b"PK\x03\x04" + whole(),
        b"",
    ],
)
def test_anything_else_is_refused(tmp_path, content):
    path = tmp_path / "model.bin"
    path.write_bytes(content)
    assert fault_of(path)
    with pytest.raises(UnsafeFileError, match="CTranslate2"):
        check_is_data(path)


def test_what_cannot_be_converted_is_said(tmp_path):
    path = tmp_path / "model.bin"
    path.write_bytes(whole(version=5))
    with pytest.raises(BaseModelError, match="version 5"):
        read_variables(path)
