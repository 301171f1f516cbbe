"""What takes the place of a value: nothing that was in the file, and valid for the kind of value it stands for."""

import datetime
import re
from typing import TYPE_CHECKING, Any

from metier.image.dicom.loading import pydicom
from metier.image.dicom.pseudonyms import Pseudonyms

if TYPE_CHECKING:
    from pydicom import DataElement, Dataset

STANDARD = "1.2.840.10008."  # Identifiers that the standard itself gives: kinds of files, codings.
DATES = frozenset({"DA", "DT"})
TIMES = frozenset({"DA", "DT", "TM"})
REPLACEMENTS: dict[str, Any] = {
    "DA": "19000101",
    "DT": "19000101000000",
    "TM": "000000",
    "AS": "000Y",
    "DS": "0",
    "IS": "0",
    "UR": "urn:removed",
    **dict.fromkeys(("AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UT"), "REMOVED"),
    **dict.fromkeys(("FD", "FL", "SL", "SS", "SV", "UL", "US", "UV"), 0),
    **dict.fromkeys(("OB", "OD", "OF", "OL", "OV", "OW", "UN"), bytes(8)),
    "AT": 0,
}
DATE = re.compile(r"(\d{4})(?:\.?(\d{2})\.?(\d{2}))?(.*)", re.S)


def replacement(element: "DataElement") -> Any:
    """Give a value that says nothing, for an attribute that may not be empty."""
    if element.VR == "SQ":
        return [_removed_code()]
    return REPLACEMENTS.get(element.VR, "")


def _removed_code() -> "Dataset":
    code: Dataset = pydicom().Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "REMOVED", "99METIER", "Removed"
    return code


def replaced_uids(element: "DataElement", pseudonyms: Pseudonyms) -> Any:
    """Give identifiers in place of those of an element; those of the standard stay."""
    values = several(element.value)
    kept = [uid if not uid or uid.startswith(STANDARD) else pseudonyms.uid(uid) for uid in map(str, values)]
    return kept if len(kept) != 1 else kept[0]


def several(value: Any) -> list[Any]:
    """Give the values of an element as a list: none, one or several."""
    if value is None or value == "":
        return []
    return list(value) if pydicom("pydicom.multival").MultiValue is type(value) else [value]


def moved_dates(element: "DataElement", days: int) -> Any:
    """Give dates moved back by some days, their time of day as it was; empty where one cannot be read."""
    moved = [_moved(str(value), days) for value in several(element.value)]
    return "" if None in moved else moved if len(moved) != 1 else moved[0]


def _moved(value: str, days: int) -> str | None:
    found = DATE.fullmatch(value.strip())
    if found is None:
        return None
    year, month, day, rest = found.groups()
    if month is None:  # A year alone, or with a month: what is left of it is moved by whole years.
        return f"{int(year) - round(days / 365.25):04d}" if not rest.strip() else None
    try:
        date = datetime.date(int(year), int(month), int(day)) - datetime.timedelta(days=days)
    except (ValueError, OverflowError):
        return None
    return f"{date:%Y%m%d}{rest}"
