"""The patients of DICOM images as groups, so that one patient never stands on both sides of a split."""

from dataclasses import replace

import pyarrow as pa

from metier.data.columns.image_columns import image_files
from metier.data.rows import Roles
from metier.figures import count_of
from metier.image.dicom.headers import header_of
from metier.image.dicom.patients import patient_codes

PATIENT = "patient"


def with_patients(
    table: pa.Table, roles: Roles, *, is_refused: bool
) -> tuple[pa.Table, Roles, tuple[str, ...]]:
    """Give the rows with a column of their patients as the group, where their images are DICOM and none is named.

    Parameters
    ----------
    is_refused : bool
        Whether the caller said that no column is the group.
    """
    if roles.image is None:
        return table, roles, ()
    files = image_files(table, roles.image)
    codes = patient_codes(files)
    notes = _notes_on_frames([path for path, code in zip(files, codes, strict=True) if code is not None])
    known = {code for code in codes if code is not None}
    if not known or is_refused or roles.group is not None:
        return table, roles, notes
    name = PATIENT
    while name in table.column_names:
        name = f"dicom_{name}"
    table = table.append_column(name, pa.array(codes, pa.string()))
    note = (
        f"group = {name}, codes of {count_of(len(known), 'patient')} from the headers; rows of one group stay in one "
        "split (--group none to ignore it)"
    )
    return table, replace(roles, group=name), (*notes, note)


def _notes_on_frames(files: list[str]) -> tuple[str, ...]:
    several = sum(header_of(path).n_frames > 1 for path in files)
    if not several:
        return ()
    return (f"{count_of(several, 'image')} of several frames: the middle frame of each is used",)
