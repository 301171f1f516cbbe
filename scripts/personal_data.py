"""Recall and precision of the recognisers of personal data on a planted set, and false masks on clean rows.

    python scripts/personal_data.py                                  # the held-out sentences
    python scripts/personal_data.py --templates tuning --misses 5    # what rules were written against
    python scripts/personal_data.py --presidio presidio/bin/python   # Presidio on the same set beside it

Values come from faker (en_US and zh_CN; MIT), which the extra `dev` installs. A value counts as found where no letter
and no digit of it stays outside of what was found, whatever that is called.
"""

import argparse
import json
import random
import re
import subprocess
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from faker import Faker

from metier.data import read
from metier.evaluation.figure import Figure
from metier.text.personal_data import find_personal_data
from metier.text.segmentation import word_offsets
from metier.text.traditional import to_simplified

HERE = Path(__file__).parent
EXAMPLES = HERE.parent / "examples"
SEEDS = {"tuning": 1, "held_out": 2}
# Real rows in which nothing is personal.
CLEAN = {
    "en": ("banking77/test.csv",),
    "zh": ("csl_title_zh/train.jsonl", "csl_title_zh/dev.jsonl", "csl_title_zh/test.jsonl"),
}
# Presidio's names for what is planted under ours; its place names count for addresses.
ALSO = {"US_LICENSE_PLATE": {"US_DRIVER_LICENSE"}, "LOCATION": {"LOCATION"}, "PERSON": {"PERSON"}}
Span = tuple[int, int, str]
Find = Callable[[Sequence["Row"]], list[list[Span]]]


@dataclass(frozen=True)
class Row:
    """A text and what was planted in it."""

    text: str
    language: str
    planted: tuple[Span, ...] = ()


class Values:
    """Makes the values that are planted, from one seed."""

    def __init__(self, language: str, seed: int):
        self._random = random.Random(seed)  # noqa: S311
        self._faker = Faker("en_US" if language == "en" else "zh_CN")
        self._faker.seed_instance(seed)
        self._make = {**self._shared(), **(self._english() if language == "en" else self._chinese())}

    def __call__(self, entity: str) -> str:
        """Give a new value."""
        return self._random.choice(self._make[entity])()

    def _digits(self, form: str) -> Callable[[], str]:
        return lambda: self._faker.numerify(form)

    def _shared(self) -> dict[str, list[Callable[[], str]]]:
        fake = self._faker
        return {
            "EMAIL_ADDRESS": [fake.email, fake.free_email, fake.company_email],
            "IP_ADDRESS": [fake.ipv4_public, fake.ipv4_private, fake.ipv6],
        }

    def _english(self) -> dict[str, list[Callable[[], str]]]:
        fake = self._faker
        abroad = [self._digits(form) for form in ("+44 20 7%## ####", "+49 30 %#######", "+61 2 9%## ####")]
        return {
            "PERSON": [lambda: f"{fake.first_name()} {fake.last_name()}"],
            "PHONE_NUMBER": [fake.phone_number] * 6 + abroad,
            "CREDIT_CARD": [fake.credit_card_number, lambda: grouped(fake.credit_card_number("visa16"))],
            "IBAN_CODE": [fake.iban, lambda: grouped(fake.iban())],
            "US_SSN": [fake.ssn],
            "US_PASSPORT": [fake.passport_number],
            "US_BANK_NUMBER": [self._digits("%" + "#" * length) for length in (7, 9, 11)],
            "US_LICENSE_PLATE": [fake.license_plate],
            "LOCATION": [fake.address, lambda: fake.address().replace("\n", ", ")],
        }

    def _chinese(self) -> dict[str, list[Callable[[], str]]]:
        fake, landlines = self._faker, ("010-%#######", "0571-%#######", "021-%#######-###", "(0755)%#######")
        return {
            "PERSON": [fake.name],
            "PHONE_NUMBER": [fake.phone_number] * 8
            + [lambda: spaced(fake.phone_number()), lambda: f"+86 {fake.phone_number()}"]
            + [self._digits(form.replace("%", "6")) for form in landlines],
            "CN_ID_CARD": [fake.ssn],
            "CN_BANK_CARD": [
                lambda: union_pay(fake.numerify("62%#############")),
                lambda: union_pay(fake.numerify("6222############")),
            ],
            "CN_BANK_ACCOUNT": [self._digits("%" + "#" * length) for length in (11, 16, 18)],
            "CN_PASSPORT": [self._digits("E########"), self._digits("G########"), self._digits("EA#######")],
            "CN_LICENSE_PLATE": [fake.license_plate, lambda: fake.license_plate().replace("-", "")],
            "LOCATION": [fake.address],
        }


def grouped(number: str) -> str:
    """Write a number in groups of four."""
    return " ".join(number[place : place + 4] for place in range(0, len(number), 4))


def spaced(number: str) -> str:
    """Write a mobile number as people read it out."""
    return f"{number[:3]} {number[3:7]} {number[7:]}"


def union_pay(digits: str) -> str:
    """Add the check digit to the digits of a card."""
    doubled = (int(sign) * 2 if place % 2 == 0 else int(sign) for place, sign in enumerate(reversed(digits)))
    return digits + str(-sum(value - 9 if value > 9 else value for value in doubled) % 10)


def planted_rows(part: str, language: str, each: int) -> Iterator[Row]:
    """Fill each sentence `each` times."""
    sentences = yaml.safe_load((HERE / "personal_data_set" / "templates.yaml").read_text(encoding="utf-8"))
    values = Values(language, SEEDS[part])
    for sentence in sentences[part][language]:
        for _ in range(each):
            yield filled(sentence, language, values)
    drawn = random.Random(SEEDS[part])  # noqa: S311
    for sentence in sentences["negatives"][part][language]:
        for _ in range(each):
            yield Row(re.sub(r"\{(\w+)(?::(\d+))?\}", lambda found: blind(found, drawn), sentence), language)


def filled(sentence: str, language: str, values: Values) -> Row:
    """Fill one sentence."""
    text, planted = "", []
    for number, piece in enumerate(re.split(r"\{(\w+)\}", sentence)):
        if number % 2:
            value = values(piece)
            planted.append((len(text), len(text) + len(value), piece))
            piece = value
        text += piece
    return Row(text, language, tuple(planted))


def blind(found: re.Match[str], drawn: random.Random) -> str:
    """Give digits or letters that are nobody's."""
    if found[1] == "small":
        return str(drawn.randrange(1, 20))
    signs = "0123456789" if found[1] == "digits" else "ABCDEFGHJKLMNPQRSTUVWXYZ"
    return "".join(drawn.choice(signs) for _ in range(int(found[2])))


def by_metier(with_model: bool) -> Find:
    """Ask our recognisers."""

    def find(rows: Sequence[Row]) -> list[list[Span]]:
        return [
            [(one.start, one.end, one.entity) for one in find_personal_data(row.text, with_model=with_model)]
            for row in rows
        ]

    return find


def by_presidio(python: str) -> Find:
    """Ask Presidio, in the environment of another Python."""

    def find(rows: Sequence[Row]) -> list[list[Span]]:
        with tempfile.TemporaryDirectory() as folder:
            texts, answers = Path(folder) / "texts.jsonl", Path(folder) / "answers.jsonl"
            texts.write_text("".join(json.dumps({"text": row.text}) + "\n" for row in rows), encoding="utf-8")
            command = [python, str(HERE / "presidio_answers.py"), str(texts), str(answers)]
            subprocess.run(command, check=True)  # noqa: S603  # Named on the command line.
            return [json.loads(line) for line in answers.read_text(encoding="utf-8").splitlines()]

    return find


def is_covered(row: Row, value: Span, found: list[Span]) -> bool:
    """Whether no letter or digit of a value stays outside of what was found."""
    covered = {place for start, end, _ in found for place in range(start, end)}
    return all(place in covered for place in range(value[0], value[1]) if row.text[place].isalnum())


def measure(rows: Sequence[Row], found: list[list[Span]]) -> dict[str, dict[str, Figure]]:
    """Give recall and precision of each entity."""
    hits, all_, right, given = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    for row, spans in zip(rows, found, strict=True):
        for value in row.planted:
            all_[value[2]] += 1
            hits[value[2]] += is_covered(row, value, spans)
        for start, end, entity in spans:
            given[entity] += 1
            right[entity] += any(
                first < end and start < last and entity in ({kind} | ALSO.get(kind, set()))
                for first, last, kind in row.planted
            )
    return {
        entity: {
            "recall": Figure.of_share(hits[entity], all_[entity]),
            "precision": Figure.of_share(right[entity], given[entity]),
        }
        for entity in all_
    }


def false_masks(rows: Sequence[Row], found: list[list[Span]]) -> str:
    """Give false masks per 1,000 words of rows in which nothing is personal."""
    words = sum(len(word_offsets(row.text)) for row in rows)
    masks = sum(map(len, found))
    figure = Figure.of_share(masks, words, higher_is_better=False)
    return (
        f"{masks} in {words:,} words of {len(rows):,} rows, {1000 * figure.value:.3f} per 1,000 "
        f"({1000 * figure.low:.3f} to {1000 * figure.high:.3f})"
    )


def clean_rows(language: str, most: int) -> list[Row]:
    """Give real rows."""
    texts = [text for name in CLEAN[language] for text in read(EXAMPLES / name).texts]
    return [Row(text, language) for text in texts[:most]]


def print_real_names(find: Find) -> None:
    """Print what is found of the persons named in real Chinese texts (Universal NER, in simplified characters)."""
    rows = []
    for part in ("train", "dev", "test"):
        given = read(EXAMPLES / "uner_zh_gsd" / f"{part}.conll")
        for text, spans in zip(given.texts, given.values("spans"), strict=True):
            people = tuple((start, end, "PERSON") for start, end, label in spans if label == "PER")
            rows.append(Row(to_simplified(text), "zh", people))
    found = [[one for one in spans if one[2] == "PERSON"] for spans in find(rows)]
    figures = measure(rows, found)["PERSON"]
    print(f"real names: recall {shown(figures['recall'])} precision {shown(figures['precision'])}")


def shown(figure: Figure) -> str:
    """Write a figure with its interval."""
    if not figure.rows:
        return "–"
    return f"{figure.value:.3f} ({figure.low:.3f}–{figure.high:.3f}; {figure.hits}/{figure.rows})"


def print_misses(rows: Sequence[Row], found: list[list[Span]], most: int) -> None:
    """Print values that were not found, and what was found where nothing is."""
    left: dict[str, list[str]] = defaultdict(list)
    for row, spans in zip(rows, found, strict=True):
        for value in row.planted:
            if not is_covered(row, value, spans):
                left[value[2]].append(f"{row.text!r} {[row.text[s:e] for s, e, _ in spans]}")
        for start, end, entity in spans:
            if not any(first < end and start < last and entity == kind for first, last, kind in row.planted):
                left[f"false {entity}"].append(f"{row.text[start:end]!r} in {row.text!r}")
    for entity, lines in left.items():
        print(entity, len(lines), *lines[:: max(1, len(lines) // most)], sep="\n    ")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--templates", choices=list(SEEDS), default="held_out")
    parser.add_argument("--each", type=int, default=150, help="how often each sentence is filled")
    parser.add_argument("--clean", type=int, default=3000, help="most clean rows of each language")
    parser.add_argument("--presidio", metavar="PYTHON", help="the Python of an environment that has Presidio")
    parser.add_argument("--model", action="store_true", help="ask spaCy's model for English names as well")
    parser.add_argument("--misses", type=int, default=0, help="print so many of what was missed")
    parser.add_argument("--languages", nargs="+", default=["en", "zh"])
    given = parser.parse_args()
    finders = {"Metier": by_metier(False)}
    finders |= {"Metier with spaCy": by_metier(True)} if given.model else {}
    finders |= {"Presidio": by_presidio(given.presidio)} if given.presidio else {}
    for language in given.languages:
        rows, clean = (
            list(planted_rows(given.templates, language, given.each)),
            clean_rows(language, given.clean),
        )
        for name, find in finders.items():
            began = time.process_time()
            found = find(rows)
            spent = time.process_time() - began
            print(f"\n{name}, {language}, {given.templates}: {len(rows)} rows, {spent:.1f} s of CPU here")
            for entity, figures in sorted(measure(rows, found).items()):
                print(
                    f"{entity:17} recall {shown(figures['recall']):34} precision {shown(figures['precision'])}"
                )
            if given.misses:
                print_misses(rows, found, given.misses)
            masks = find(clean)
            print(f"false masks: {false_masks(clean, masks)}")
            if language == "zh":
                print_real_names(find)
            if given.misses:
                print_misses(clean, masks, 4 * given.misses)


if __name__ == "__main__":
    main()
