"""What names somebody is in no byte of what is written, the picture is as it was, and what is not sure is not written."""

import datetime
import io
from pathlib import Path

import numpy as np
import pytest

from metier.errors import CallError, DataError, ImageError
from metier.image.dicom.burned_in import can_read
from metier.image.dicom.deidentification import How, deidentified
from metier.image.dicom.profile import Action, action_of
from metier.image.dicom.pseudonyms import Pseudonyms, kept_key
from metier.image.dicom.whole_reading import read_whole

pydicom = pytest.importorskip("pydicom", reason="needs metier[medical]")
from pydicom.data import data_manager  # noqa: E402
from pydicom.dataset import Dataset  # noqa: E402
from pydicom.sequence import Sequence  # noqa: E402

OWN = Path(data_manager.__file__).parent / "test_files"
KEY = bytes(range(32))
SECRETS = ("Zimmermann", "Aloysia", "KH-0815-4711", "Dr Unverwechselbar", "Bergklinik", "19610412", "SN-998877")


@pytest.fixture
def how():
    return How(Pseudonyms(KEY), reads_text=False)


@pytest.fixture
def person(dicom_files):
    """A data set with names in the header, in sequences, in private attributes, in texts and in the preamble."""

    def make(**attributes):
        dataset = dicom_files.made(
            dicom_files.ramp(32),
            PatientBirthDate="19610412",
            StudyDate="20240310",
            SeriesDate="20240312",
            AcquisitionDateTime="20240312101500.25+0100",
            StudyTime="101500",
            ReferringPhysicianName="Dr Unverwechselbar",
            InstitutionName="Bergklinik",
            DeviceSerialNumber="SN-998877",
            AccessionNumber="A1234567",
            SequenceName="t1 Zimmermann",
            Manufacturer="Aparatus",
            FrameOfReferenceUID="1.2.3.4.5",
            SpecificCharacterSet="ISO_IR 192",
            **attributes,
        )
        private = dataset.private_block(0x0009, "BERGKLINIK", create=True)
        private.add_new(0x01, "LO", "Zimmermann")
        item = Dataset()
        item.PatientName, item.ReferencedSOPInstanceUID = "Zimmermann^Aloysia", "1.2.3.4.5.6"
        item.ReferencedSOPClassUID = dataset.SOPClassUID
        item.private_block(0x0011, "INNER", create=True).add_new(0x01, "LO", "KH-0815-4711")
        dataset.ReferencedImageSequence = Sequence([item])
        dataset.preamble = b"Zimmermann".ljust(128, b"\0")
        dataset.file_meta.SourceApplicationEntityTitle = "BERGKLINIK"
        return dataset

    return make


def cleaned(dataset, path, how, dicom_files):
    done = deidentified(dicom_files.written(dataset, path), how)
    return done, pydicom.dcmread(io.BytesIO(done.content))


def test_nothing_that_names_somebody_is_in_any_byte(person, how, dicom_files, tmp_path):
    source = person()
    done, clean = cleaned(source, tmp_path / "Zimmermann.dcm", how, dicom_files)
    assert not [secret for secret in SECRETS if secret.casefold().encode() in done.content.lower()]
    assert b"1.2.3.4.5" not in done.content
    assert not [element for element in clean.iterall() if element.tag.is_private]
    assert "Zimmermann" not in done.path.as_posix()
    assert clean.PixelData == source.PixelData
    assert (clean.Manufacturer, clean.Modality, clean.Rows) == ("Aparatus", "MR", 32)


def test_the_file_states_what_was_done_with_it(person, how, dicom_files, tmp_path):
    done, clean = cleaned(person(), tmp_path / "one.dcm", how, dicom_files)
    assert clean.PatientIdentityRemoved == "YES"
    assert clean.LongitudinalTemporalInformationModified == "REMOVED"
    code = clean.DeidentificationMethodCodeSequence[0]
    assert (code.CodeValue, code.CodingSchemeDesignator) == ("113100", "DCM")
    assert clean.DeidentificationMethod[0].startswith("PS3.15")
    assert clean.file_meta.MediaStorageSOPInstanceUID == clean.SOPInstanceUID
    assert done.changes["PatientID", "replaced"] == 1
    assert done.changes["InstitutionName", "replaced"] == 1
    assert done.changes["(0009,xxxx)", "removed"] == 2  # The block and its value.
    assert done.changes["SequenceName", "emptied"] == 1  # No table names it: the name was typed there.


def test_identifiers_are_new_ones_and_the_same_ones_in_all_files_of_a_run(person, how, dicom_files, tmp_path):
    first, second = person(), person()
    second.SeriesInstanceUID, second.StudyInstanceUID = first.SeriesInstanceUID, first.StudyInstanceUID
    one, clean = cleaned(first, tmp_path / "1.dcm", how, dicom_files)
    other, also = cleaned(second, tmp_path / "2.dcm", how, dicom_files)
    assert clean.StudyInstanceUID == also.StudyInstanceUID != first.StudyInstanceUID
    assert clean.PatientID == also.PatientID
    assert clean.SOPInstanceUID != also.SOPInstanceUID
    assert one.path.parent == other.path.parent
    assert clean.ReferencedImageSequence[0].ReferencedSOPInstanceUID == Pseudonyms(KEY).uid("1.2.3.4.5.6")
    assert (
        clean.ReferencedImageSequence[0].ReferencedSOPClassUID == dicom_files.MR
    )  # Of the standard: it stays.
    assert all(pydicom.uid.UID(uid).is_valid for uid in (clean.StudyInstanceUID, clean.SOPInstanceUID))
    forgotten = How(Pseudonyms(bytes(32)), reads_text=False)
    assert (
        cleaned(first, tmp_path / "1.dcm", forgotten, dicom_files)[1].StudyInstanceUID != clean.StudyInstanceUID
    )


def test_dates_go_unless_they_are_to_be_moved(person, how, dicom_files, tmp_path):
    _, clean = cleaned(person(), tmp_path / "one.dcm", how, dicom_files)
    assert not clean.StudyDate
    assert not clean.PatientBirthDate
    assert b"2024" not in cleaned(person(), tmp_path / "one.dcm", how, dicom_files)[0].content


def test_dates_of_a_patient_are_moved_by_the_same_days(person, dicom_files, tmp_path):
    moving = How(Pseudonyms(KEY), moves_dates=True, reads_text=False)
    _, clean = cleaned(person(), tmp_path / "one.dcm", moving, dicom_files)
    days = Pseudonyms(KEY).days(dicom_files.NUMBER)
    moved = datetime.date(2024, 3, 10) - datetime.timedelta(days=days)
    assert clean.StudyDate == f"{moved:%Y%m%d}"
    between = [datetime.datetime.strptime(date, "%Y%m%d") for date in (clean.StudyDate, clean.SeriesDate)]
    assert (between[1] - between[0]).days == 2
    assert clean.AcquisitionDateTime.endswith("101500.25+0100")
    assert clean.StudyTime == "101500"
    assert not clean.PatientBirthDate  # Never kept.
    assert clean.LongitudinalTemporalInformationModified == "MODIFIED"
    assert [one.CodeValue for one in clean.DeidentificationMethodCodeSequence] == ["113100", "113107"]
    other = person(PatientID="KH-0000-0001")
    assert cleaned(other, tmp_path / "2.dcm", moving, dicom_files)[1].StudyDate != clean.StudyDate


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        (0x00100010, Action.EMPTY),
        (0x00081030, Action.REMOVE),  # Study Description.
        (0x0020000D, Action.REPLACE_UID),
        (0x00120010, Action.REPLACE),
        (0x00080080, Action.REPLACE),  # X/Z/D.
        (0x00080022, Action.EMPTY),  # X/Z.
        (0x50141234, Action.REMOVE),  # A curve.
        (0x60023000, Action.REMOVE),  # An overlay.
        (0x00280010, None),
    ],
)
def test_the_table_of_the_standard_is_read(tag, expected):
    assert action_of(tag) == expected


NAMES = [
    "MR_small_implicit.dcm",
    "MR_small_bigendian.dcm",
    "MR_small_RLE.dcm",
    "image_dfl.dcm",
    "liver_expb_1frame.dcm",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_is_cut_anywhere_is_refused(name, how, tmp_path):
    whole = (OWN / name).read_bytes()
    last = len(whole) - (9 if "dfl" in name else 1)  # Behind what is deflated that file has 8 bytes more.
    for end in {*np.random.default_rng(0).integers(140, last, 20).tolist(), last, last - 8}:
        (tmp_path / "cut.dcm").write_bytes(whole[:end])
        with pytest.raises(DataError):
            deidentified(tmp_path / "cut.dcm", How(how.pseudonyms, reads_text=True, writes_text=True))


def test_what_is_no_picture_is_not_written(how, tmp_path):
    with pytest.raises(ImageError, match=r"holds no picture \(Basic Text SR Storage\)"):
        deidentified(OWN / "reportsi.dcm", how)
    (tmp_path / "note.txt").write_text("no scan", encoding="utf-8")
    with pytest.raises(ImageError, match="it is not a DICOM file"):
        read_whole(tmp_path / "note.txt")


def test_text_that_is_stated_or_likely_is_held_back(person, how, dicom_files, tmp_path):
    stated = person(BurnedInAnnotation="YES")
    with pytest.raises(DataError, match=r"has text in its pixels \(its header says so\)"):
        cleaned(stated, tmp_path / "1.dcm", how, dicom_files)
    likely = person(Modality="US")
    with pytest.raises(DataError, match="mostly has text in its pixels, and nobody looked"):
        cleaned(likely, tmp_path / "2.dcm", how, dicom_files)
    anyway = How(how.pseudonyms, reads_text=False, writes_text=True)
    done, _ = cleaned(stated, tmp_path / "1.dcm", anyway, dicom_files)
    assert done.signs.is_stated
    assert cleaned(person(Modality="US", BurnedInAnnotation="NO"), tmp_path / "3.dcm", how, dicom_files)


@pytest.mark.skipif(not can_read(), reason="tesseract is not installed")
def test_text_in_the_pixels_is_read(person, dicom_files, tmp_path):
    from PIL import Image, ImageDraw, ImageFont

    image = Image.new("L", (400, 200), 20)
    ImageDraw.Draw(image).text((20, 60), "ZIMMERMANN ALOYSIA", fill=230, font=ImageFont.load_default(32))
    reading = How(Pseudonyms(KEY))
    written = dicom_files.made(np.asarray(image))
    with pytest.raises(DataError, match="words read: 2"):
        cleaned(written, tmp_path / "text.dcm", reading, dicom_files)
    done, _ = cleaned(dicom_files.made(dicom_files.ramp(64)), tmp_path / "none.dcm", reading, dicom_files)
    assert done.signs.n_words == 0


def test_comments_in_compressed_frames_are_found(dicom_files, how, tmp_path):
    from PIL import Image

    for comment, is_kept in ((None, True), (b"Zimmermann", False)):
        stream = io.BytesIO()
        extra = {} if comment is None else {"comment": comment}
        Image.fromarray(dicom_files.ramp(32)).save(stream, "JPEG", **extra)
        dataset = dicom_files.encapsulated(
            dicom_files.made(dicom_files.ramp(32)), [stream.getvalue()], pydicom.uid.JPEGBaseline8Bit
        )
        if is_kept:
            assert cleaned(dataset, tmp_path / "one.dcm", how, dicom_files)
        else:
            with pytest.raises(ImageError, match="its compressed frames carry comments"):
                cleaned(dataset, tmp_path / "one.dcm", how, dicom_files)


def test_a_name_in_bytes_that_no_rule_reaches_stops_the_file(person, how, dicom_files, tmp_path):
    dataset = person()
    dataset.PixelData = b"..KH-0815-4711.." + dataset.PixelData[16:]
    with pytest.raises(DataError, match="a value that was removed is in its bytes"):
        cleaned(dataset, tmp_path / "one.dcm", how, dicom_files)


def test_a_key_is_made_once_and_kept_from_others(tmp_path):
    key = kept_key(tmp_path / "study.key")
    assert kept_key(tmp_path / "study.key") == key
    assert (tmp_path / "study.key").stat().st_mode & 0o077 == 0
    (tmp_path / "short.key").write_text("abcd", encoding="ascii")
    with pytest.raises(CallError, match="holds no key: expected 64 hexadecimal digits"):
        kept_key(tmp_path / "short.key")
