"""Chinese in one script written in the other."""

import numpy as np
import pytest

from metier.assurance.behaviour.edits import change_script
from metier.text.offsets import apply_edits
from metier.text.traditional import to_simplified, to_traditional


@pytest.mark.parametrize(
    ("simplified", "traditional"),
    [
        ("国际学会会议", "國際學會會議"),
        ("我的银行卡丢了", "我的銀行卡丟了"),
        ("plain text 42", "plain text 42"),
    ],
)
def test_both_ways(simplified, traditional):
    assert to_traditional(simplified) == traditional
    assert to_simplified(traditional) == simplified


def test_what_has_two_forms_or_is_traditional_itself_stays():
    assert to_traditional("头发以后") == "頭发以后"  # 發 or 髮; 后 is an empress, 後 is after.


def edited(text, kept=()):
    return apply_edits(text, change_script(text, kept, np.random.default_rng(0)))


def test_the_edit_writes_the_other_script_outside_what_is_kept():
    assert edited("国际银行") == "國際銀行"
    assert edited("國際銀行") == "国际银行"
    assert edited("國际銀行") == "国际银行"  # Mixed becomes simplified.
    assert edited("国际银行", [(0, 2)]) == "国际銀行"
    assert edited("no Han") == "no Han"
