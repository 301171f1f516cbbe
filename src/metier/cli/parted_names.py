"""Names in one flag, parted by commas; without Arrow, which what serves does not load."""

from typing import Any

import click


def parted(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
    """Read A,B,C as a list, also where the flag is repeated; names it must hold, as none would mean the default."""
    if value is None or value == ():
        return value
    values = value if isinstance(value, tuple) else (value,)
    found = tuple(name.strip() for each in values for name in each.split(",") if name.strip())
    if not found:
        names = ",".join(values)
        raise click.BadParameter(f"found no name in {names!r}. Give one such as A, or several as A,B,C.")
    return found
