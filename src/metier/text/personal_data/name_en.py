"""Names of persons in English: a first and a last name of the lists, or the words before a name.

Where spaCy is installed its model finds more, see `name_model`; this needs nothing but the lists.
"""

import re
from collections.abc import Iterator

from metier.text.personal_data.found import Evidence, PersonalData, found_at
from metier.text.personal_data.name_lists import first_names, last_names


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


_WORD = r"(?:(?:O|D)'|Mc|Mac|Le|De|La|Di|Van)?[A-Z][a-zà-öø-ÿ]{1,20}(?:-[A-Z][a-z]{1,20})?"
_MIDDLE = r"(?: [A-Z]\.?(?= )| (?:de|van|von|der|den|la|le|bin|al|del|di|da|dos|ter)(?= ))"
_FULL = rf"{_WORD}{_MIDDLE}{{0,2}}(?: {_WORD})"
_pairs = re.compile(rf"(?<![A-Za-z0-9_'@.-])(?=(?P<name>{_FULL}))(?P<first>{_WORD})").finditer
_reversed = re.compile(rf"(?<![A-Za-z0-9_'@-])({_WORD}), ({_WORD})(?: [A-Z]\.)?(?![A-Za-z])").finditer
# Words after which a name stands; where they also stand before other words, a first name has to follow.
_titles = re.compile(
    rf"(?<![A-Za-z])(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Professor|Sir|Madam|Rev)\.? "
    rf"(?P<name>{_WORD}(?:{_MIDDLE}{{0,2}} {_WORD}){{0,2}})"
).finditer
_SAID = (
    r"my name is|my name's|name is|name:|full name:?|customer name:?|cardholder:?|cardholder name:?|"
    r"account holder:?|patient:?|"
    r"signed by|signed,?|recipient:?|beneficiary:?|attn:?|attention:?|sincerely,?|regards,?|yours "
    r"truly,?|cheers,?|contact person:?"
)
_said = re.compile(
    rf"(?<![A-Za-z])(?i:{_SAID})[\s:]{{1,3}}(?P<name>{_WORD}(?:{_MIDDLE}{{0,2}} {_WORD}){{0,2}})(?![A-Za-z])"
).finditer
_GREETED = (
    r"i am|i'm|this is|hi|hello|hey|dear|ask for|speak to|speak with|talk to|talked to|talked with|spoke to|spoke with|"
    r"told|asked|met|named|wife|husband|son|daughter|brother|sister|mother|father|friend|colleague|manager|boss|agent|"
    r"doctor|nurse|driver|tenant|employee|neighbou?r"
)
_greeted = re.compile(
    rf"(?<![A-Za-z])(?i:{_GREETED}),? (?P<name>{_WORD}(?: {_WORD}){{0,2}})(?![A-Za-z])"
).finditer
_lower = re.compile(
    r"(?<![A-Za-z])(?i:my name is|my name's|full name:?) (?P<name>[a-z]{2,20}(?: [a-z]{2,20})?)(?![A-Za-z])"
).finditer
# First names that are ordinary words too: after a greeting they say nothing.
_ORDINARY = _words(
    "Will Mark Art Bill Grace Hope Faith Joy Rich Chase Dawn Price Rose Jack Drew Pat Sue Rob Guy "
    "Man Boy Case Baby Young Star "
    "Sunny Early Love Precious Royal King Prince Princess Major General Justice Liberty Journey "
    "Story True Lucky Angel Ace Bee "
    "Christian Sir Dear Max Ray Page Earl Duke Dean Judge Miles Frank Ernest Chance Clay Cliff Dale "
    "Forest Gene Glen Hunter Lane "
    "Lance Pearl Penny Ruby Jade Amber Ivory Destiny Heaven Trinity Harmony Melody Mercy Charity "
    "Patience Prudence Temperance "
    "Victory Fortune Gift Ocean River Rain Storm Sky Sage Sterling Cash"
)
# First names that are rather a word, a month or a place, whatever follows.
_NO_FIRST_NAME = _words(
    "May August January March Winter Sunday Monday Tuesday Wednesday Thursday Friday Saturday "
    "Any An In My Do So See Can Le La De Da Van Bay Tax Card Bank You Your The This That How What When Where Why Who "
    "Please Thanks Hi Hello Hey And But For Not Is Are Was Were Has Have Had No Yes Ok One Two New "
    "Us Our It Its If Ma Pa Sun Mi "
    "Miss London Asia India China Kenya Washington Will Germany America Holland Ireland Jamaica Cuba Malaysia Egypt Africa "
    "Golden"
)
_NO_LAST_NAME = _words(
    "Street Road Avenue Drive Square Lake River Bridge Beach City County Town Village Island Bay Week "
    "Month Year Card Center Centre School College University Hospital Airport Station Market "
    "Account Team Service Services Support Group Company Customer Order Payment Money Sales Large Old "
    "Red Late Stock Stocks Poor "
    "So An In On At To My Me We He She It Do Be Is Us Or If As Of By No Go Up Was Had Has Have Will "
    "Can Shall And But For "
    "The This That How What When Where Why Who Please Thanks Broadway Place Terrace Parkway Christmas Easter Sunday "
    "Monday Tuesday Wednesday Thursday Friday Saturday Bar Pay Visa March"
)


def find_name_en(text: str) -> Iterator[PersonalData]:
    """Find names that the lists hold, and names after the words that say so."""
    for found in _pairs(text):
        if _is_person(found.group("name")):
            yield _person(text, *found.span("name"), "lists")
    for found in _reversed(text):
        if _is_last(found.group(1)) and found.group(1) not in _NO_LAST_NAME and _is_first(found.group(2)):
            yield _person(text, *found.span(), "lists")
    for finder in (_titles, _said):
        for found in finder(text):
            if words := _name_words(found.group("name")):
                start = found.start("name")
                yield _person(text, start, start + words, "context")
    for found in _greeted(text):
        if (words := _name_words(found.group("name"))) and _is_first(found.group("name").split()[0]):
            yield _person(text, found.start("name"), found.start("name") + words, "context")
    for found in _lower(text):
        if found.group("name").split()[0].capitalize() in first_names():
            yield _person(text, *found.span("name"), "context")


def _is_person(name: str) -> bool:
    first, last = name.split()[0], name.split()[-1]
    if last in _NO_LAST_NAME or first in _NO_FIRST_NAME or not _is_on(first, first_names()):
        return False
    return _is_last(last)


def _is_last(word: str) -> bool:
    return _is_on(word, last_names()) or word[:2] in ("Mc", "O'", "D'")


def _is_on(word: str, names: frozenset[str]) -> bool:
    """Whether a name is on a list, or a part of a double name."""
    return any(part in names for part in word.split("-"))


def _is_first(word: str) -> bool:
    return word in first_names() and word not in _ORDINARY and word not in _NO_FIRST_NAME


def _name_words(name: str) -> int:
    """Give the length of what may be a name, up to the first word that is none; 0 where the first is none."""
    end = 0
    for found in re.finditer(r"\S+", name):
        if found.group() in _NO_LAST_NAME or (not end and found.group() in _NO_FIRST_NAME):
            break
        end = found.end()
    return end


def _person(text: str, start: int, end: int, evidence: Evidence) -> PersonalData:
    return found_at(text, start, end, "PERSON", evidence)
