"""Companies by the names that messages call them: what the spans of a bundle are counted under."""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Self

from metier.errors import CallError
from metier.given_files import FileFaultError, given_text
from metier.text.normalisation import normalise

COLUMNS = ("alias", "company")


class Companies:
    """Companies by their aliases; a name that is no alias of any is not counted.

    Parameters
    ----------
    by_alias : mapping of str to str
    """

    def __init__(self, by_alias: Mapping[str, str]):
        self._by_alias = {normalise(alias): company for alias, company in by_alias.items()}

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a CSV file with the columns `alias` and `company`.

        Raises
        ------
        CallError
            If it is missing or unreadable, lacks a column, or one alias leads to two companies: which row.
        """
        try:
            rows = csv.DictReader(given_text(path).splitlines())
        except FileNotFoundError:
            raise CallError(
                f"There is no file of companies {path}. Write CSV with the columns alias and company."
            ) from None
        except FileFaultError as error:
            raise CallError(
                f"The file of companies {path} cannot be read ({error}). Write CSV of UTF-8 with the columns alias and "
                "company."
            ) from None
        found = list(rows.fieldnames or ())
        if any(column not in found for column in COLUMNS):
            raise CallError(
                f"The file of companies {path} has the columns {', '.join(found)}; expected alias and company, one alias a "
                "row."
            )
        by_alias: dict[str, str] = {}
        for number, row in enumerate(rows, start=2):
            alias, company = (str(row[column] or "").strip() for column in COLUMNS)
            if not alias or not company:
                raise CallError(
                    f"The file of companies {path} has an empty cell in row {number}. Fill it or remove the row."
                )
            key = normalise(alias)
            if by_alias.setdefault(key, company) != company:
                raise CallError(
                    f"The file of companies {path} leads from {alias!r} to {by_alias[key]!r} and, in row {number}, to "
                    f"{company!r}. Keep one of them."
                )
        return cls(by_alias)

    def named(self, names: Iterable[str]) -> tuple[str, ...]:
        """Give the companies that names stand for, each once."""
        found = (self._by_alias.get(normalise(name)) for name in names)
        return tuple(dict.fromkeys(company for company in found if company is not None))
