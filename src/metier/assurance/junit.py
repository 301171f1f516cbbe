"""The verdicts as JUnit XML, which build servers show; one test case a condition, skipped where rows cannot tell."""

import math
import re
from xml.etree import ElementTree  # Written, never read.

from metier.assurance.forgetting.judging import JudgedItem
from metier.assurance.gate import GateResult, Judged
from metier.assurance.verdict import CANNOT_TELL, FAIL, PASS

SUITE = "metier.gate"
NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # Not even as a reference.


def junit_xml(result: GateResult, *, subject: str) -> str:
    """Give a JUnit file of one suite.

    Parameters
    ----------
    subject : str
        The bundle, as the class name of each case.
    """
    suite = ElementTree.Element("testsuite", name=SUITE)
    for one in result.judged:
        case = ElementTree.SubElement(suite, "testcase", name=one.demand.condition.text, classname=subject)
        _say(case, one, blocks=result.policy.cannot_tell_blocks)
    for item in () if result.forgotten is None else result.forgotten.judged:
        name = f"forgetting: {item.item.kind} {item.item.name}"
        _say_item(ElementTree.SubElement(suite, "testcase", name=name, classname=subject), item, result)
    if result.golden is not None:
        case = ElementTree.SubElement(suite, "testcase", name="golden rows", classname=subject)
        if result.wrong:
            failure = ElementTree.SubElement(case, "failure", message=f"{len(result.wrong)} answered wrong")
            failure.text = "\n".join(
                f"row {row.row}: expected {row.expected}, found {row.answered}: {row.asked}"
                for row in result.wrong
            )
    for attribute, tag in (("failures", "failure"), ("skipped", "skipped")):
        suite.set(attribute, str(len(suite.findall(f"testcase/{tag}"))))
    suite.set("tests", str(len(suite.findall("testcase"))))
    ElementTree.indent(suite, " ")
    text = ElementTree.tostring(suite, encoding="unicode")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + NOT_XML.sub("\ufffd", text) + "\n"


def _say(case: ElementTree.Element, one: Judged, *, blocks: bool) -> None:
    outcome = one.verdict.outcome
    if outcome == PASS:
        return
    found = _found(one)
    more = "" if one.verdict.more_rows is None else f"; about {one.verdict.more_rows} more rows would tell"
    is_failure = one.blocks and (outcome == FAIL or (outcome == CANNOT_TELL and blocks))
    waiver = one.demand.waiver
    excused = f" (waived by {waiver.who}: {waiver.why})" if one.is_waived and waiver is not None else ""
    tag = "failure" if is_failure else "skipped"
    ElementTree.SubElement(case, tag, message=f"{outcome}: {found}{more}{excused}")


def _say_item(case: ElementTree.Element, one: JudgedItem, result: GateResult) -> None:
    if one.outcome == PASS:
        return
    lost = f"{one.item.counts.only_old} lost and {one.item.counts.only_new} won of {one.item.counts.rows} rows"
    more = "" if one.more_rows is None else f"; about {one.more_rows} more rows would tell"
    blocks = one.outcome == FAIL or (result.forgotten is not None and not result.forgotten.may_go_live)
    ElementTree.SubElement(case, "failure" if blocks else "skipped", message=f"{one.outcome}: {lost}{more}")


def _found(one: Judged) -> str:
    if math.isnan(one.figure.value):
        return "too few rows to measure it"
    ends = f"[{_end(one.verdict.low)}, {_end(one.verdict.high)}]"
    return f"{one.figure.value:.4g} {ends} on {one.figure.rows} rows"


def _end(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
