"""A method that is another one with a few settings more, without writing the other's settings out again."""

import inspect
from collections.abc import Callable
from typing import Any


def with_settings_of(parent: type) -> Callable[[type], type]:
    """Give a class decorator: `__init__(self, *, own=…, **settings)` takes the settings of `parent`, and says so.

    scikit-learn and the settings of a run read a method's arguments off its signature, so that of `__init__` becomes
    the two joined.
    """

    def decorate(method: type) -> type:
        init: Any = method.__init__  # type: ignore[misc]
        own = inspect.signature(init).parameters
        taken = inspect.signature(parent.__init__).parameters  # type: ignore[misc]
        joined = {**taken, **{name: one for name, one in own.items() if one.kind is one.KEYWORD_ONLY}}
        init.__signature__ = inspect.Signature(list(joined.values()))
        return method

    return decorate
