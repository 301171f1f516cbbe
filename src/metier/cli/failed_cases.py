"""How a failed case is printed: with what should have been answered, or what was answered before the edit."""

from metier.assurance.behaviour.case import Case
from metier.cli.speech import spoken


def failed_case(name: str, case: Case, *, is_probability: bool = False) -> str:
    """Say in a line what failed.

    Parameters
    ----------
    name : str
        Of the test.
    is_probability : bool
        Whether probabilities of a label are compared, and not answers.
    """
    say = spoken()
    given = {"name": name, "text": case.after, "expected": case.expected, "found": case.found}
    if case.before is None:
        return say("✗ {name}: {text}: expected {expected}, found {found}", **given)
    if is_probability:
        return say("✗ {name}: {text}: probability {found}, and {expected} without the edit", **given)
    return say("✗ {name}: {text}: answered {found}, and {expected} without the edit", **given)
