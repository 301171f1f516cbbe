"""The settings of a method, declared once: default, range and meaning of each are one pydantic field.

From the declaration come the method's constructor and its signature, which scikit-learn and the settings of a run read;
the section of its docstring; and the check, which tells all faults together before any work.
"""

import inspect
from collections.abc import Callable, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, ClassVar, Literal, Protocol, Self, TypeVar, Union, get_args, get_origin
from typing import runtime_checkable as checkable

import numpy as np
from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo

from metier.arguments import is_endless
from metier.errors import SettingsError

M = TypeVar("M", bound=type)
KINDS: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a text",
    Any: "anything",
}


class MethodSettings(BaseModel):
    """What a method can be set to; a special case adds fields, or others of the same name with another default."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, allow_inf_nan=False)

    @classmethod
    def of(cls, method: Any) -> Self:
        """Give the settings of an estimator, checked.

        Raises
        ------
        SettingsError
            With a sentence for each fault.
        """
        given = method.get_params(deep=False)
        faults = cls.faults(given)
        if faults:
            raise SettingsError(faults, origin=f"The settings of {method.name}")
        return cls(**_plain(given))

    @classmethod
    def faults(cls, values: Mapping[str, Any]) -> list[str]:
        """Say what is wrong with values, a sentence each; what is not among them has its default."""
        found: list[str] = []
        try:
            cls(**_plain(values))
        except ValidationError as error:
            # A value that could be one of several things is faulty once, whatever each of them says.
            names = dict.fromkeys(str(fault["loc"][0]) for fault in error.errors())
            found = [cls._sentence(name, values.get(name)) for name in names]
        told = {sentence.partition(" ")[0] for sentence in found}
        found += [
            cls._sentence(name, value)
            for name, value in values.items()
            if is_endless(value) and name not in told
        ]
        defaults = {name: field.default for name, field in cls.model_fields.items()}
        return found + cls.misfits(defaults | dict(values))

    @classmethod
    def misfits(cls, values: Mapping[str, Any]) -> list[str]:
        """Say which values do not go with one another; each may be faulty by itself besides."""
        return []

    @classmethod
    def _sentence(cls, name: str, value: Any) -> str:
        if name not in cls.model_fields:
            return f"{name} is not a setting, expected one of {', '.join(cls.model_fields)}"
        plain = _plain({name: value})[name]
        return f"{name} is {plain!r}, expected {expected(cls.model_fields[name])}"


@checkable
class Declares(Protocol):
    """A method whose settings are declared."""

    Settings: ClassVar[type[MethodSettings]]


def with_settings(settings: type[MethodSettings]) -> Callable[[M], M]:
    """Give a class decorator: the method takes these settings, by name alone, and stores them as they are."""

    def decorate(method: M) -> M:
        fields = settings.model_fields

        def __init__(self: Any, **given: Any) -> None:  # noqa: N807
            unknown = [name for name in given if name not in fields]
            if unknown:
                raise TypeError(f"{method.__name__}() got an unexpected keyword argument {unknown[0]!r}")
            for name, field in fields.items():
                setattr(self, name, given.get(name, field.default))

        own: Any = method
        __init__.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
            + [
                inspect.Parameter(
                    name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=_annotation(field)
                )
                for name, field in fields.items()
            ]
        )
        own.__init__, own.Settings = __init__, settings
        own.__doc__ = _documented(method.__doc__ or "", settings)
        return method

    return decorate


def expected(field: FieldInfo) -> str:
    """Say what a setting may be."""
    members = [member for member in _members(field.annotation) if member is not NoneType]
    choices = [choice for member in members if get_origin(member) is Literal for choice in get_args(member)]
    if choices:
        names = ", ".join(map(str, choices)) if len(choices) > 1 else repr(choices[0])
        kind = f"one of {names}" if len(choices) > 1 else names
    else:
        kind = " or ".join(KINDS.get(member, _type_name(member)) for member in members)
        kind = f"{kind} {_range(field)}".strip()
    return f"None or {kind}" if NoneType in _members(field.annotation) else kind


def _type_name(member: Any) -> str:
    plain = get_origin(member) or member  # Of Sequence[str] its Sequence.
    return plain.__name__ if isinstance(plain, type) else str(plain)


def _range(field: FieldInfo) -> str:
    bounds = {type(bound): bound for bound in field.metadata}
    low, high = bounds.get(Ge, bounds.get(Gt)), bounds.get(Le, bounds.get(Lt))
    match low, high:
        case Ge(ge=1), None if int in _members(field.annotation):
            return "above 0"
        case Ge(ge=least), None:
            return f"from {least:g} on"
        case Ge(ge=least), Le(le=most):
            return f"from {least:g} to {most:g}"
        case Ge(ge=least), Lt(lt=most):
            return f"from {least:g} up to but not including {most:g}"
        case Gt(gt=least), None:
            return f"above {least:g}"
        case Gt(gt=least), Le(le=most):
            return f"above {least:g} and up to {most:g}"
        case Gt(gt=least), Lt(lt=most):
            return f"above {least:g} and below {most:g}"
    return ""


def _members(annotation: Any) -> tuple[Any, ...]:
    """Give what a value may be an instance of, or one of."""
    if get_origin(annotation) is Annotated:
        return _members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return tuple(own for member in get_args(annotation) for own in _members(member))
    return (annotation,)


def _annotation(field: FieldInfo) -> Any:
    """Give the type of a field with its range, as the settings of a run read it off a signature."""
    annotation: Any = field.annotation
    for bound in field.metadata:
        annotation = Annotated[annotation, bound]
    return annotation


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Give numbers of numpy as numbers of Python."""
    return {
        name: value.item() if isinstance(value, np.generic | np.ndarray) and value.ndim == 0 else value
        for name, value in values.items()
    }


def _documented(doc: str, settings: type[MethodSettings]) -> str:
    """Put the section of the parameters before that of the attributes."""
    lines = ["Parameters", "----------"]
    for name, field in settings.model_fields.items():
        lines += [
            f"{name} : {expected(field)}, default={field.default!r}",
            f"    {field.description or ''}".rstrip(),
        ]
    section = "\n".join(f"    {line}".rstrip() for line in lines)
    head, mark, tail = doc.partition("    Attributes\n")
    return f"{head.rstrip()}\n\n{section}\n\n{mark}{tail}"
