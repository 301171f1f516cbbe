"""A DICOM file is shown as a viewer shows it: whatever its bits, window, palette or compression."""

import importlib.util
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from metier.errors import ImageError, ImageTooLargeError
from metier.image import Picture, decoded, opened
from metier.image.dicom.rendering import by_window

pydicom = pytest.importorskip("pydicom", reason="needs metier[medical]")
from pydicom.data import data_manager, get_testdata_file  # noqa: E402
from pydicom.dataset import Dataset  # noqa: E402
from pydicom.pixels import apply_windowing  # noqa: E402
from pydicom.sequence import Sequence  # noqa: E402

SIDE = 32
OWN = Path(data_manager.__file__).parent / "test_files"  # What is in the package; nothing is fetched.


def pixels_of(dataset):
    """Decode a data set that has not been written to a disk."""
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    with opened(Picture(stream.getvalue(), "scan")) as image:
        return np.asarray(image)


EXPECTED = np.linspace(0, 255, SIDE)


@pytest.mark.parametrize(
    ("dtype", "low", "high", "attributes"),
    [
        (np.uint8, 0, 255, {}),
        (np.uint8, 0, 255, {"WindowCenter": 128, "WindowWidth": 256}),
        (np.uint16, 0, 4095, {"bits": 12, "WindowCenter": 2048, "WindowWidth": 4096}),
        (np.uint16, 0, 65535, {"WindowCenter": 32768, "WindowWidth": 65536}),
        (np.int16, -1000, 1000, {"WindowCenter": 0, "WindowWidth": 2001}),
        (
            np.uint16,
            0,
            2000,
            {"RescaleSlope": 1, "RescaleIntercept": -1000, "WindowCenter": 0, "WindowWidth": 2001},
        ),
        (
            np.uint16,
            0,
            1000,
            {"RescaleSlope": 2, "RescaleIntercept": -1000, "WindowCenter": 0, "WindowWidth": 2001},
        ),
        (np.int16, -1000, 1000, {"WindowCenter": [0, 7], "WindowWidth": [2001, 3]}),  # The first of several.
        (np.uint16, 0, 1000, {"VOILUTFunction": "LINEAR_EXACT", "WindowCenter": 500, "WindowWidth": 1000}),
    ],
    ids=["8", "8-window", "12", "16", "signed", "intercept", "slope", "windows", "exact"],
)
def test_greys_rise_over_the_window(dicom_files, dtype, low, high, attributes):
    shown = pixels_of(dicom_files.made(dicom_files.ramp(SIDE, dtype, low, high), **attributes))
    np.testing.assert_allclose(shown[5], EXPECTED, atol=1)


def test_white_is_the_least_where_the_file_says_so(dicom_files):
    grey = dicom_files.ramp(SIDE)
    shown = pixels_of(dicom_files.made(grey, photometric="MONOCHROME1"))
    np.testing.assert_array_equal(shown, 255 - pixels_of(dicom_files.made(grey)))


def test_without_a_window_percentiles_are_spread_and_padding_does_not_count(dicom_files):
    grey = dicom_files.ramp(SIDE, np.int16, 100, 300)
    grey[:4] = -2000
    shown = pixels_of(dicom_files.made(grey, PixelPaddingValue=-2000))
    assert shown[10, 1] < 15
    assert shown[10, -2] > 240
    assert (shown[:4] == 0).all()
    assert pixels_of(dicom_files.made(grey))[10, 1] > 200  # Counted, the padding takes the dark greys.


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize(("centre", "width"), [(0, 400), (40.5, 80), (-600, 1500)])
def test_windows_are_those_of_another_implementation(function, centre, width):
    values = np.arange(-2048, 2048, 7, dtype=np.int16)
    dataset = Dataset()
    dataset.PhotometricInterpretation, dataset.PixelRepresentation = "MONOCHROME2", 1
    dataset.BitsStored = dataset.BitsAllocated = 16
    dataset.WindowCenter, dataset.WindowWidth, dataset.VOILUTFunction = centre, width, function
    theirs = apply_windowing(values, dataset)
    ours = by_window(values, centre=centre, width=width, function=function)
    np.testing.assert_allclose(ours, (theirs + 2**15) / (2**16 - 1), atol=1e-9)


def table(descriptor, data):
    item = Dataset()
    item.LUTDescriptor, item.LUTData = descriptor, data
    item["LUTDescriptor"].VR = item["LUTData"].VR = "US"
    return Sequence([item])


def test_a_table_of_greys_goes_before_a_window(dicom_files):
    falling = [255 - value for value in range(256)]
    dataset = dicom_files.made(dicom_files.ramp(SIDE), WindowCenter=3, WindowWidth=2)
    dataset.VOILUTSequence = table([256, 0, 8], falling)
    np.testing.assert_allclose(pixels_of(dataset)[0], 255 - EXPECTED, atol=1)


def test_of_an_enhanced_file_the_window_of_the_frame_counts(dicom_files):
    frames = np.stack([dicom_files.ramp(SIDE, np.uint16, 0, high) for high in (10, 1000, 10)])
    dataset = dicom_files.made(frames, frames=3)
    groups = []
    for centre, width in ((5, 10), (500, 1001), (5, 10)):
        window, group = Dataset(), Dataset()
        window.WindowCenter, window.WindowWidth = centre, width
        group.FrameVOILUTSequence = Sequence([window])
        groups.append(group)
    dataset.PerFrameFunctionalGroupsSequence = Sequence(groups)
    np.testing.assert_allclose(pixels_of(dataset)[0], EXPECTED, atol=1)  # The middle frame, by its window.


def test_colours_and_a_palette_come_as_red_green_and_blue(dicom_files):
    red = np.full((SIDE, SIDE, 3), (250, 10, 20), np.uint8)
    assert pixels_of(dicom_files.made(red))[3, 3].tolist() == [250, 10, 20]
    dataset = dicom_files.made(np.ones((SIDE, SIDE), np.uint8), photometric="PALETTE COLOR")
    for colour, value in (("Red", 250), ("Green", 10), ("Blue", 20)):
        setattr(dataset, f"{colour}PaletteColorLookupTableDescriptor", [2, 0, 16])
        dataset[f"{colour}PaletteColorLookupTableDescriptor"].VR = "US"
        setattr(dataset, f"{colour}PaletteColorLookupTableData", np.array([0, value << 8], np.uint16).tobytes())
    assert pixels_of(dataset)[3, 3].tolist() == [250, 10, 20]


@pytest.mark.parametrize(
    "name",
    ["MR_small_RLE.dcm", "MR_small_jp2klossless.dcm", "MR_small_bigendian.dcm", "MR_small_implicit.dcm",
     "MR_small_padded.dcm"],
)  # fmt: skip
def test_the_same_scan_in_every_encoding_is_the_same_picture(name):
    plain = decoded(Picture.of_file(get_testdata_file("MR_small.dcm", download=False)), 64)
    np.testing.assert_array_equal(decoded(Picture.of_file(OWN / name), 64), plain)


@pytest.mark.parametrize(
    "name",
    ["SC_rgb_jpeg_dcmtk.dcm", "SC_rgb_rle.dcm", "SC_rgb_rle_16bit.dcm", "SC_ybr_full_422_uncompressed.dcm"],
)
def test_bars_of_colours_are_the_same_in_every_encoding(name):
    bars = decoded(Picture.of_file(OWN / name), 100)
    np.testing.assert_allclose(bars[5, 50], [255, 0, 0], atol=6)
    np.testing.assert_allclose(bars[25, 50], [0, 255, 0], atol=6)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("MR_small_jpeg_ls_lossless.dcm", "no decoder for that is installed. Install one with pip: pyjpegls"),
        (
            "JPEG-lossy.dcm",
            r"no decoder for that is installed. Install one with pip: pylibjpeg-libjpeg \(GPL-3.0\)",
        ),
        ("reportsi.dcm", r"this DICOM file holds no picture \(Basic Text SR Storage\)"),
        ("MR_truncated.dcm", "it is cut short or damaged"),
        ("JPEG2000-embedded-sequence-delimiter.dcm", "a frame of 3,722,445,056 x 1,024 pixels"),
    ],
)
def test_what_cannot_be_shown_says_why(name, said):
    package = "jpeg_ls" if "pyjpegls" in said else "libjpeg"
    if "no decoder" in said and importlib.util.find_spec(package):
        pytest.skip(f"{package} is installed here")
    with pytest.raises(ImageError, match=said):
        decoded(Picture.of_file(OWN / name), SIDE)


def test_a_header_that_states_too_many_pixels_is_refused_before_they_are_decoded(dicom_files):
    dataset = dicom_files.made(dicom_files.ramp(SIDE), Rows=60_000, Columns=60_000)
    with pytest.raises(ImageTooLargeError, match="60,000 x 60,000 pixels; 50,000,000 pixels are allowed"):
        pixels_of(dataset)


def test_a_compressed_frame_may_not_state_another_size_than_its_file(dicom_files):
    stream = io.BytesIO()
    Image.fromarray(dicom_files.ramp(SIDE * 8)).save(stream, "JPEG")
    dataset = dicom_files.made(dicom_files.ramp(SIDE))
    dataset = dicom_files.encapsulated(dataset, [stream.getvalue()], pydicom.uid.JPEGBaseline8Bit)
    with pytest.raises(ImageError, match="its header states 32 x 32 pixels and its frame 256 x 256"):
        pixels_of(dataset)


def test_run_lengths_that_give_more_than_the_picture_are_refused(dicom_files):
    header = np.array([1, 64, *[0] * 14], "<u4").tobytes()
    dataset = dicom_files.made(dicom_files.ramp(SIDE))
    dataset = dicom_files.encapsulated(dataset, [header + b"\x81\x00" * 50_000], pydicom.uid.RLELossless)
    with pytest.raises(ImageTooLargeError, match="more bytes in a frame than its header states"):
        pixels_of(dataset)


def test_a_deflated_file_is_inflated_only_as_far_as_the_limit(dicom_files):
    dataset = dicom_files.made(dicom_files.ramp(SIDE), compression=pydicom.uid.DeflatedExplicitVRLittleEndian)
    assert pixels_of(dataset).shape == (SIDE, SIDE)
    dataset.add_new(0x00091001, "OB", bytes(120_000_000))
    with pytest.raises(ImageTooLargeError, match="more than 100,000,000 bytes when it is inflated"):
        pixels_of(dataset)
