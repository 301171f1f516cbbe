"""A model of a registry as it is to be served: by an alias or by the number of a version."""

from dataclasses import dataclass

from metier.errors import UnknownNameError
from metier.registry.names import check_name
from metier.registry.pointers import Pointed, PointedModel
from metier.registry.registry import CHAMPION


@dataclass(frozen=True)
class Wanted:
    """A model as it is to be served: by an alias, which may move, or by the number of a version."""

    name: str
    alias: str | None = CHAMPION
    number: int | None = None

    @classmethod
    def of(cls, given: str) -> "Wanted":
        """Read `support`, `support@challenger` or `support/3`; raises `WrongTypeError` for what is no name."""
        name, at, alias = given.partition("@")
        name, slash, number = (name, "", "") if at else given.partition("/")
        check_name(name, "name of a model")
        if at:
            check_name(alias, "alias")
        if slash and not (number.isascii() and number.isdigit()):
            raise UnknownNameError(f"version of {name!r}", number, known=())
        return cls(name, None if slash else alias or CHAMPION, int(number) if slash else None)

    def __str__(self) -> str:
        return f"{self.name}@{self.alias}" if self.number is None else f"{self.name}/{self.number}"

    def found_in(self, model: PointedModel | None) -> Pointed | None:
        """Give the version that this is now; None: there is none any more."""
        if model is None:
            return None
        return model.aliases.get(self.alias or "") if self.number is None else model.versions.get(self.number)
