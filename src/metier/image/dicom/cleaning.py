"""A data set without what names a person, place, device or time: the profile's table, and what no table can list.

Beside the table: private attributes and those that no dictionary knows are removed, whatever they hold; names of
persons are emptied, identifiers (UIDs) replaced and dates treated as the others also where the table does not name the
attribute. What was removed is then looked for in every text that is left, as names are typed into any field.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from metier.image.dicom.headers import header_from
from metier.image.dicom.loading import pydicom
from metier.image.dicom.profile import Action, action_of
from metier.image.dicom.pseudonyms import Pseudonyms
from metier.image.dicom.replacing import DATES, TIMES, moved_dates, replaced_uids, replacement, several

if TYPE_CHECKING:
    from pydicom import DataElement, Dataset

PATIENT_NAME, PATIENT_ID, PATIENT_GROUP = 0x00100010, 0x00100020, 0x0010
TEXTS = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})
# Besides names of persons, what is looked for in all bytes of the file, and in the texts that are left.
NUMBERS = frozenset({"PatientID", "OtherPatientIDs", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"})
PLACES = frozenset(
    {"AccessionNumber", "AdmissionID", "InstitutionName", "InstitutionAddress", "PatientAddress",
     "PatientTelephoneNumbers", "StationName"}
)  # fmt: skip
SHORTEST = 4  # Characters of what is looked for; shorter names are in too many words.
REMOVED, EMPTIED, REPLACED, NEW_UID, MOVED = "removed", "emptied", "replaced", "new identifier", "date moved"


@dataclass
class Cleaned:
    """What was done with a data set.

    Parameters
    ----------
    changes : dict
        How often something was done with an attribute, by both.
    named : set of str
        Names and numbers of persons that were removed and must not be anywhere in the file.
    """

    changes: Counter[tuple[str, str]] = field(default_factory=Counter)
    named: set[str] = field(default_factory=set)


def clean(dataset: "Dataset", pseudonyms: Pseudonyms, *, moves_dates: bool) -> Cleaned:
    """Remove, empty and replace in place what names a person, place, device or time, in sequences too.

    Parameters
    ----------
    moves_dates : bool
        Dates are moved back by the same days for all files of a patient, and times of day stay; otherwise both go.
    """
    header = header_from(dataset)
    patient = header.patient or header.study
    done = Cleaned(named=set(_values(dataset, NUMBERS, persons=True)))
    removed = done.named | set(_values(dataset, PLACES, persons=False))
    code = pseudonyms.code(patient) if patient else ""
    _Cleaner(pseudonyms, pseudonyms.days(patient) if moves_dates else None, code, done).clean(dataset)
    words = _pattern(removed)
    if words is not None:
        _remove_repeated(dataset, words, done)
    return done


@dataclass(frozen=True)
class _Cleaner:
    """One pass through a data set.

    Parameters
    ----------
    days : int or None
        How far dates are moved; None: they are not kept.
    code : str
        What stands for the patient.
    """

    pseudonyms: Pseudonyms
    days: int | None
    code: str
    done: Cleaned

    def clean(self, dataset: "Dataset") -> None:
        """Treat every attribute of a data set, and those of its sequences."""
        for element in list(dataset):
            what = self._treated(dataset, element)
            if what is not None:
                self.done.changes[_name(element), what] += 1

    def _treated(self, dataset: "Dataset", element: "DataElement") -> str | None:
        """Treat an attribute; gives what was done, None where it stays."""
        if element.tag.is_private or not pydicom("pydicom.datadict").dictionary_has_tag(element.tag):
            del dataset[element.tag]
            return REMOVED
        if element.tag in (PATIENT_NAME, PATIENT_ID):
            element.value = self.code
            return REPLACED
        if self.days is not None and element.VR in TIMES and element.tag.group != PATIENT_GROUP:
            return self._move(element, self.days)
        action = action_of(element.tag) or _elsewhere(element)
        if element.VR == "SQ" and action in (None, Action.REPLACE_UID):
            for item in element.value:
                self.clean(item)
            return None
        return None if action is None else self._act(dataset, element, action)

    def _move(self, element: "DataElement", days: int) -> str | None:
        if element.VR not in DATES or not several(element.value):
            return None
        element.value = moved_dates(element, days)
        return MOVED if several(element.value) else EMPTIED

    def _act(self, dataset: "Dataset", element: "DataElement", action: Action) -> str | None:
        if action is Action.REMOVE:
            del dataset[element.tag]
            return REMOVED
        if action is Action.REPLACE_UID:
            new = replaced_uids(element, self.pseudonyms)
            if new == element.value:
                return None
            element.value = new
            return NEW_UID
        if action is Action.EMPTY:
            element.value = [] if element.VR == "SQ" else None
            return EMPTIED
        element.value = replacement(element)
        return REPLACED


def _elsewhere(element: "DataElement") -> Action | None:
    """Give what is done with an attribute that the table does not name."""
    if element.tag.group == 0x0002:
        return None
    if element.VR == "UI":
        return Action.REPLACE_UID
    if element.VR == "PN" or element.VR in TIMES:
        return Action.EMPTY
    return Action.REMOVE if element.VR == "UN" else None


def _name(element: "DataElement") -> str:
    """Give what an attribute is called; a private one by its group alone, as its name may say whose it is."""
    if element.tag.is_private:
        return f"({element.tag.group:04X},xxxx)"
    return element.keyword or f"({element.tag.group:04X},{element.tag.element:04X})"


def _all_elements(dataset: "Dataset") -> Iterator["DataElement"]:
    for element in dataset:
        yield element
        for item in element.value if element.VR == "SQ" else ():
            yield from _all_elements(item)


def _values(dataset: "Dataset", keywords: frozenset[str], *, persons: bool) -> Iterator[str]:
    """Give the values of some attributes, and the parts of the names of persons."""
    for element in _all_elements(dataset):
        is_name = persons and element.VR == "PN"
        if not is_name and element.keyword not in keywords:
            continue
        for value in map(str, several(element.value)):
            parts = re.split(r"[\^=\s,]+", value) if is_name else [value.strip()]
            # A number of one repeated sign is a filling, and found everywhere.
            yield from (part for part in parts if len(part) >= SHORTEST and len(set(part)) > 1)


def _remove_repeated(dataset: "Dataset", words: re.Pattern[str], done: Cleaned) -> None:
    """Empty the texts in which something that was removed stands again."""
    for element in list(dataset):
        if element.VR == "SQ":
            for item in element.value:
                _remove_repeated(item, words, done)
        elif element.VR in TEXTS and any(words.search(str(value)) for value in several(element.value)):
            element.value = None
            done.changes[_name(element), EMPTIED] += 1


def _pattern(values: Iterable[str]) -> re.Pattern[str] | None:
    listed = "|".join(re.escape(value) for value in sorted(values))
    return re.compile(rf"(?<!\w)(?:{listed})(?!\w)", re.I) if listed else None
