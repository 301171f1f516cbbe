"""Files that Metier wrote are read by DCMTK, sent over the network, and stored by Orthanc; both are Debian's."""

import json
import shutil
import socket
import subprocess
import time
import urllib.request

import pytest

from metier.image import Picture, decoded
from metier.image.dicom.deidentification import How, deidentified
from metier.image.dicom.pseudonyms import Pseudonyms

pydicom = pytest.importorskip("pydicom", reason="needs metier[medical]")
WAIT_S = 60


def needs(*programs):
    missing = [program for program in programs if shutil.which(program) is None]
    return pytest.mark.skipif(bool(missing), reason=f"{', '.join(missing)} not installed")


@pytest.fixture
def clean(dicom_files, tmp_path):
    """A de-identified file."""
    source = dicom_files.written(dicom_files.made(dicom_files.ramp(32)), tmp_path / "source.dcm")
    path = tmp_path / "clean.dcm"
    path.write_bytes(deidentified(source, How(Pseudonyms(bytes(32)), reads_text=False)).content)
    return path


def port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def done(*command):
    return subprocess.run(
        [*map(str, command)], capture_output=True, text=True, timeout=WAIT_S, check=True
    ).stdout


def until_it_listens(number, process):
    for _ in range(10 * WAIT_S):
        assert process.poll() is None, process.communicate()
        with socket.socket() as trying:
            if trying.connect_ex(("127.0.0.1", number)) == 0:
                return
        time.sleep(0.1)
    pytest.fail("nothing listens")


@needs("dcmdump", "dcmodify")
def test_another_program_reads_what_was_written_and_its_changes_are_read_here(clean, dicom_files):
    shown = done("dcmdump", clean)
    assert "(0012,0062) CS [YES]" in shown
    assert "[113100]" in shown
    assert dicom_files.PERSON not in shown
    done("dcmodify", "--no-backup", "--insert", "(0028,1050)=64", "--insert", "(0028,1051)=2", clean)
    pixels = decoded(Picture.of_file(clean), 32)
    assert pixels[0, 4].tolist() == [0, 0, 0]
    assert pixels[0, 20].tolist() == [255, 255, 255]


@needs("dcmcjpeg", "dcmcrle")
def test_what_another_program_compressed_is_the_same_picture(clean, tmp_path):
    plain = decoded(Picture.of_file(clean), 32)
    done("dcmcrle", clean, tmp_path / "rle.dcm")
    assert (decoded(Picture.of_file(tmp_path / "rle.dcm"), 32) == plain).all()
    done("dcmcjpeg", "+eb", clean, tmp_path / "jpeg.dcm")  # JPEG baseline, with loss.
    assert abs(decoded(Picture.of_file(tmp_path / "jpeg.dcm"), 32).astype(int) - plain).max() < 12


@pytest.mark.slow
@needs("storescu", "storescp")
def test_a_file_is_sent_over_the_network_and_comes_as_it_was(clean, tmp_path):
    number, folder = port(), tmp_path / "received"
    folder.mkdir()
    with subprocess.Popen(
        ["storescp", "--output-directory", str(folder), str(number)], stderr=subprocess.PIPE
    ) as receiving:
        try:
            until_it_listens(number, receiving)
            done("storescu", "127.0.0.1", number, clean)
        finally:
            receiving.terminate()
    (received,) = folder.iterdir()
    assert pydicom.dcmread(received).PixelData == pydicom.dcmread(clean).PixelData
    assert (decoded(Picture.of_file(received), 32) == decoded(Picture.of_file(clean), 32)).all()


@pytest.fixture
def orthanc(tmp_path):
    """The address of a server that stores in a folder of the test."""
    number = port()
    settings = {
        "Name": "test",
        "StorageDirectory": str(tmp_path / "orthanc"),
        "HttpPort": number,
        "DicomPort": port(),
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "Plugins": [],
    }
    (tmp_path / "orthanc.json").write_text(json.dumps(settings), encoding="utf-8")
    with subprocess.Popen(
        ["Orthanc", str(tmp_path / "orthanc.json")], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as server:
        try:
            until_it_listens(number, server)
            yield f"http://127.0.0.1:{number}"
        finally:
            server.terminate()


def asked(address, data=None):
    with urllib.request.urlopen(urllib.request.Request(address, data=data), timeout=WAIT_S) as answer:
        return answer.read()


@pytest.mark.slow
@needs("Orthanc")
def test_a_server_stores_a_file_and_gives_it_back(orthanc, clean):
    stored = json.loads(asked(f"{orthanc}/instances", clean.read_bytes()))
    assert stored["Status"] == "Success"
    tags = json.loads(asked(f"{orthanc}/instances/{stored['ID']}/simplified-tags"))
    assert tags["PatientIdentityRemoved"] == "YES"
    assert tags["DeidentificationMethodCodeSequence"][0]["CodeValue"] == "113100"
    back = asked(f"{orthanc}/instances/{stored['ID']}/file")
    assert (decoded(Picture(back, "stored"), 32) == decoded(Picture.of_file(clean), 32)).all()
    (clean.parent / "back.dcm").write_bytes(back)
    again = deidentified(clean.parent / "back.dcm", How(Pseudonyms(bytes(32)), reads_text=False))
    assert b"PS3.15 E.1-1 basic profile" in again.content
