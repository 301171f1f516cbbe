"""Values that name no file."""

import pytest

from metier.data.columns.audio_columns import check_audio
from metier.data.columns.image_columns import check_image
from metier.data.columns.value_faults import FaultError
from metier.image.picture import Picture


@pytest.mark.parametrize("role", ["image", "audio"])
def test_a_zero_byte_in_the_name_of_a_file_is_said(tmp_path, role):
    check = {"image": lambda name: check_image(name, Picture.of_file(tmp_path / name), tmp_path)}
    check["audio"] = lambda name: check_audio(name, tmp_path)
    with pytest.raises(FaultError, match="zero byte"):
        check[role]("a\0b.wav")
