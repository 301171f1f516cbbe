"""Postal addresses in English: a house number and a street, a box, or a military post office.

A city alone is no address: it names nobody's home.
"""

import re
from collections.abc import Iterator

from metier.text.personal_data.context import Context
from metier.text.personal_data.found import Evidence, PersonalData, found_at

_WORDS = Context(
    "address|addresses|live at|lives at|living at|lived at|live on|lives on|located at|ship to|"
    "shipped to|shipping to|deliver to|"
    "delivered to|delivery to|send it to|sent to|send to|mail to|mailed to|mail it to|moved to|moving to|residence|"
    "resides at|reside at|home at|house at|office at|come to|pick up at|pickup at|billing|residing at|visit|based at|at",
    "地址|住址",
)
# Kinds of streets that are written after their name (US Postal Service, Publication 28), those that are also ordinary
# words apart: "3 Red Hills" is a street only where more of an address follows, or a word says so.
_STREETS = (
    "Streets?|St|Avenues?|Ave|Av|Roads?|Rd|Boulevards?|Blvd|Lane|Ln|Drives?|Dr|Courts?|Ct|Parkways?|Pkwy|Highways?|Hwy|Terrace|Ter|Turnpike|"
    "Tpke|Freeway|Fwy|Expressway|Expy|Causeway|Crescent|Cres|Close|Alley|Aly|Cul-de-sac|Mews|Broadway"
)
_WEAK = (
    "Annex|Arcade|Bayou|Beach|Bend|Bluffs?|Bottom|Branch|Bridge|Brooks?|Burgs?|Bypass|Camp|Canyon|Cape|Centers?|Centre|Circles?|"
    "Cir|Cliffs?|Club|Common|Corners?|Course|Coves?|Creek|Crest|Crossing|Crossroad|Curve|Dale|Dam|Divide|Estates?|Extensions?|"
    "Falls?|Ferry|Fields?|Flats?|Fords?|Forest|Forges?|Forks?|Fort|Gardens?|Gateway|Glens?|Greens?|Groves?|Harbors?|Haven|"
    "Heights|Hts|Hills?|Hollow|Inlet|Islands?|Isle|Junctions?|Keys?|Knolls?|Lakes?|Land|Landing|Lights?|Loaf|Locks?|Lodge|Loop|"
    "Mall|Manors?|Meadows?|Mills?|Mission|Motorway|Mountains?|Mount|Neck|Orchard|Oval|Overpass|Parks?|Pass|Passage|Path|Pike|Pines?|"
    "Place|Pl|Plains?|Plaza|Plz|Points?|Ports?|Prairie|Radial|Ramp|Ranch|Rapids?|Rest|Ridges?|River|Route|Row|Rue|Run|Shoals?|Shores?|"
    "Skyway|Springs?|Spurs?|Squares?|Sq|Station|Stravenue|Stream|Summit|Throughway|Trace|Track|Trafficway|Trail|Trl|Tunnel|"
    "Underpass|Unions?|Valleys?|Via|Viaduct|Views?|Villages?|Ville|Vista|Walks?|Wall|Ways?|Wells?"
)
_STATES = (
    "A[AEKLPRSZ]|C[AOT]|D[CE]|F[LM]|G[AU]|HI|I[ADLN]|K[SY]|LA|M[ADEHINOPST]|N[CDEHJMVY]|"
    "O[HKR]|P[ARW]|RI|S[CD]|T[NX]|UT|V[AIT]|W[AIVY]"
)
_STATE_NAMES = (
    "Alabama|Alaska|Arizona|Arkansas|California|Colorado|Connecticut|Delaware|Florida|Georgia|Hawaii|Idaho|Illinois|Indiana|Iowa|"
    "Kansas|Kentucky|Louisiana|Maine|Maryland|Massachusetts|Michigan|Minnesota|Mississippi|Missouri|Montana|Nebraska|Nevada|"
    "New Hampshire|New Jersey|New Mexico|New York|North Carolina|North Dakota|Ohio|Oklahoma|Oregon|"
    "Pennsylvania|Rhode Island|"
    "South Carolina|South Dakota|Tennessee|Texas|Utah|Vermont|Virginia|Washington|West Virginia|Wisconsin|Wyoming"
)
_NAME = r"(?:[A-Z][A-Za-z.'-]{0,20}|[0-9]{1,3}(?:st|nd|rd|th))"
_UNIT = (
    r"(?:,? (?:(?:Apt|Apartment|Suite|Ste|Unit|Flat|Floor|Fl|Room|Rm)(?![A-Za-z])\.? ?#?|# ?)[A-Za-z0-9-]{1,6})"
)
_CITY = (
    rf"(?:(?:,? ?\n|, ?|,? in )(?:[A-Z][A-Za-z.'-]{{1,20}} ?){{1,4}}"
    rf"(?:,? ?(?:(?:{_STATES})|(?:{_STATE_NAMES}))(?![A-Za-z])(?:,? "
    rf"[0-9]{{5}}(?:-[0-9]{{4}})?(?![0-9]))?|,? [0-9]{{5}}(?:-[0-9]{{4}})?(?![0-9])))"
)
_addresses = re.compile(
    rf"(?<![0-9A-Za-z_$.,/-])[0-9]{{1,6}}[A-Za-z]? (?:(?:[NSEW]|NE|NW|SE|SW|North|South|East|West)\.? )?"
    rf"(?:{_NAME} ){{1,4}}?(?:(?P<strong>{_STREETS})|(?P<weak>{_WEAK}))(?![A-Za-z])\.?(?: (?:[NSEW]|"
    rf"NE|NW|SE|SW)(?![A-Za-z]))?"
    rf"(?P<unit>{_UNIT})?(?P<city>{_CITY})?"
).finditer
_lower_addresses = re.compile(
    rf"(?<![0-9A-Za-z_$.,/-])[0-9]{{1,6}} (?:[a-z][a-z'-]{{1,20}} "
    rf"){{1,3}}?(?:{_STREETS.lower()})(?![A-Za-z])\.?{_UNIT}?"
).finditer
_boxes = re.compile(
    rf"(?<![A-Za-z])(?:P\.? ?O\.? ?Box|PO Box|Post Office Box) [0-9]{{1,6}}{_CITY}?", re.IGNORECASE
).finditer
_military = re.compile(
    r"(?<![A-Za-z])(?:(?:PSC|CMR|Unit) [0-9]{1,5},? Box [0-9]{1,5}|US[A-Z]{1,3} "
    r"[A-Z][A-Za-z'-]{1,20}),?\s(?:APO|FPO|DPO),? A[AEP],? [0-9]{5}(?:-[0-9]{4})?"
).finditer
_NEAR = 24


def find_address_en(text: str) -> Iterator[PersonalData]:
    """Find postal addresses; what is found of one begins with the house number and ends with the postal code."""
    for found in _addresses(text):
        more = found.group("unit") or found.group("city")
        said = _WORDS.before(text, found.start(), reach=_NEAR)
        if said is not False and (found.group("strong") or more or said):
            yield _address(text, found, "context" if said or more else "form")
    for found in _lower_addresses(text):
        if _WORDS.before(text, found.start(), reach=_NEAR):
            yield _address(text, found, "context")
    for finder in (_boxes, _military):
        for found in finder(text):
            yield _address(text, found, "form")


def _address(text: str, found: re.Match[str], evidence: Evidence) -> PersonalData:
    return found_at(
        text, found.start(), found.start() + len(found.group().rstrip(" ,\n")), "LOCATION", evidence
    )
