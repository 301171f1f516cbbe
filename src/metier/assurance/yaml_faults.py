"""Where a file is not YAML, and why."""

import yaml


def place_of(error: Exception) -> str:
    """Give `, line 3, column 5`, or nothing where the parser does not say."""
    mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
    return "" if mark is None else f", line {mark.line + 1}, column {mark.column + 1}"


def fault_of(error: Exception) -> str:
    """Give what the parser stumbled over, in a clause."""
    problem = error.problem if isinstance(error, yaml.MarkedYAMLError) else None
    return problem or str(error)
