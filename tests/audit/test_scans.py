"""DICOM files that name patients, state text in their pixels, or show patients of the training rows are found."""

import numpy as np
import pytest

import metier
from metier.audit import examine

pytest.importorskip("PIL", reason="needs metier[image]")


@pytest.fixture
def rows(dicom_files, tmp_path):
    random = np.random.default_rng(0)

    def write(name, patients, **attributes):
        lines = ["image,label"]
        for number, patient in enumerate(patients):
            grey = random.integers(0, 255, (40, 40), dtype=np.uint8)
            path = tmp_path / f"{name}{number}.dcm"
            dicom_files.written(dicom_files.made(grey, PatientID=patient, **attributes), path)
            lines.append(f"{path.name},{'ab'[number % 2]}")
        (tmp_path / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        return metier.read(tmp_path / f"{name}.csv")

    return write


def found(audit, check):
    return [(finding.severity, len(finding.rows)) for finding in audit.find(check)]


def test_patients_on_both_sides_are_an_error(rows):
    train, test = rows("train", ["P1", "P2", "P3", "P4"]), rows("test", ["P4", "P5", "P4", "P6"])
    audit = examine(train, test=test)
    assert found(audit, "test-known-patients") == [("error", 2)]
    assert audit.has_errors
    apart = examine(train, test=rows("other", ["P7", "P8"]))
    assert found(apart, "test-known-patients") == []


def test_files_that_are_not_deidentified_or_have_text_are_noted(rows):
    audit = examine(rows("named", ["P1", "P2", "P3", "P4"], BurnedInAnnotation="YES"))
    assert found(audit, "named-patients") == [("note", 4)]
    assert found(audit, "text-in-pixels") == [("warning", 4)]
    clean = examine(rows("clean", ["P1", "P2", "P3", "P4"], PatientIdentityRemoved="YES"))
    assert found(clean, "named-patients") == found(clean, "text-in-pixels") == []
