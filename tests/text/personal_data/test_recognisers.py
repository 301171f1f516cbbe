import json
import subprocess
import sys
import time

import pytest

from metier.errors import UnknownNameError
from metier.text.personal_data import ENTITIES, find_personal_data

# What is found, written between ⟦ and ⟧ with its kind before a bar.
FOUND = [
    "Write to ⟦EMAIL_ADDRESS|anna.bell+x@mail.example.co.uk⟧, not to anna at example dot com.",
    "Call ⟦PHONE_NUMBER|(555) 234-5678 ext 12⟧ or ⟦PHONE_NUMBER|415.555.2671x99⟧.",
    "From abroad ⟦PHONE_NUMBER|+44 20 7946 0958⟧, at home text ⟦PHONE_NUMBER|5552345678⟧.",
    "Card ⟦CREDIT_CARD|4111 1111 1111 1111⟧, then ⟦CREDIT_CARD|378282246310005⟧.",
    "Pay ⟦IBAN_CODE|GB82 WEST 1234 5698 7654 32⟧ PLEASE.",
    "My social is ⟦US_SSN|123-45-6789⟧.",
    "Logins from ⟦IP_ADDRESS|192.168.1.17⟧ and ⟦IP_ADDRESS|2001:db8::8a2e:370:7334⟧ at 12:30:45.",
    "passport number ⟦US_PASSPORT|123456789⟧, number plate ⟦US_LICENSE_PLATE|ABC-1234⟧",
    "Wire it to account number ⟦US_BANK_NUMBER|12345678⟧.",
    "I live at ⟦LOCATION|123 Main Street, Apt. 4, Springfield, IL 62704⟧.",
    "Send it to ⟦LOCATION|P.O. Box 12, Floydport, MP 35427⟧ today.",
    "Our house is at ⟦LOCATION|12 oak street⟧ there.",
    "My name is ⟦PERSON|Anna Bell⟧ and ⟦PERSON|Mark Johnson⟧ knows ⟦PERSON|O'Brien, Mary⟧.",
    "Dear ⟦PERSON|Maria⟧, Mr. ⟦PERSON|Okonkwo⟧ called.",
    "我叫⟦PERSON|王小明⟧，手机⟦PHONE_NUMBER|13812345678⟧，座机⟦PHONE_NUMBER|010-62345678转8001⟧。",
    "身份证⟦CN_ID_CARD|11010519491231002X⟧，护照⟦CN_PASSPORT|E12345678⟧，车牌⟦CN_LICENSE_PLATE|京A12345⟧",
    "卡号⟦CN_BANK_CARD|6222 0212 3456 7890 128⟧，对公账户⟦CN_BANK_ACCOUNT|1100987654321⟧",
    "收件人⟦PERSON|欧阳娜娜⟧，地址：⟦LOCATION|浙江省杭州市西湖区文三路123号5幢2单元301室⟧",
    "昨天⟦PERSON|张伟⟧说不行，请⟦PERSON|李淑珍⟧女士到前台。",
    "邮箱：⟦EMAIL_ADDRESS|ａｂｃ＠ｅｘａｍｐｌｅ．ｃｏｍ⟧，电话⟦PHONE_NUMBER|１３８１２３４５６７８⟧",
]
# Nothing personal, whatever it looks like.
NOTHING = [
    "The public licence of INTRODUCTORY courses, 6033391 of them.",
    "Order number 4111111111111111 and tracking number 123456789012.",
    "Version 1.2.3.4 of 2024-03-17, built at 12:30:45, std::vector.",
    "A price of $123456789, 4.5 of 5 stars, pages 100-200.",
    "Card 4111 1111 1111 1112 fails its check digit.",
    "SSN 000-12-3456 and 666-12-3456 are never issued.",
    "Virginia Beach and Paris are nice on Main Street; will April be warm?",
    "Localhost is 127.0.0.1, the mask 255.255.255.0, 999.1.1.1 nothing.",
    "订单号13812345678，运单123456789012，型号AB123456。",
    "身份证110105194912310021的校验位不对。",
    "我去了北京市和杭州市，坐10路公交车到第3站。",
    "方法研究与高性能计算，高楼林立，文明、白水。",
    "王先生和李女士都来了。",
    "新A股ETF上涨3%。",
]


def parsed(marked):
    text, found = "", []
    for piece in marked.replace("⟧", "⟦").split("⟦"):
        entity, bar, value = piece.partition("|")
        if bar and entity in ENTITIES:
            found.append((len(text), len(text) + len(value), entity, value))
            piece = value
        text += piece
    return text, found


@pytest.mark.parametrize("marked", FOUND)
def test_what_is_personal_is_found_with_its_offsets_and_nothing_else(marked):
    text, wanted = parsed(marked)
    found = find_personal_data(text)
    assert [(one.start, one.end, one.entity, one.text) for one in found] == wanted
    assert all(text[one.start : one.end] == one.text for one in found)


def test_every_kind_is_in_the_examples():
    assert {entity for marked in FOUND for *_, entity, _ in parsed(marked)[1]} == set(ENTITIES)


@pytest.mark.parametrize("text", NOTHING)
def test_what_only_looks_personal_is_left(text):
    assert find_personal_data(text) == ()


def test_a_number_needs_its_word_where_it_has_no_checksum():
    assert find_personal_data("12345678") == find_personal_data("5552345678") == ()
    assert [one.evidence for one in find_personal_data("account 12345678")] == ["context"]
    # The nearest word decides.
    assert find_personal_data("order 4711, call 5552345678")[0].entity == "PHONE_NUMBER"
    assert find_personal_data("call about order 5552345678") == ()


def test_only_what_is_wanted_is_looked_for():
    text = "我叫王小明，a@b.com，I'm Anna Bell"
    assert [one.entity for one in find_personal_data(text, entities=["EMAIL_ADDRESS"])] == ["EMAIL_ADDRESS"]
    assert [one.text for one in find_personal_data(text, language="zh", entities=["PERSON"])] == ["王小明"]
    with pytest.raises(UnknownNameError, match="EMAIL_ADDRESS"):
        find_personal_data(text, entities=["EMAIL"])
    with pytest.raises(UnknownNameError, match="language"):
        find_personal_data(text, language="fr")


@pytest.mark.parametrize(
    "piece",
    [
        "1",
        "1 ",
        "123-",
        "a@",
        "a.",
        "AA11",
        "+1",
        ":1",
        "(555)",
        "1 Main ",
        "Aa ",
        "王小明",
        "路1号",
        "北京市",
        "1234 ",
    ],
)
def test_time_grows_with_the_length_alone(piece):
    def spent(characters):
        text = piece * (characters // len(piece))
        began = time.process_time()
        find_personal_data(text)
        return time.process_time() - began

    spent(1_000)
    # Eight times as long: eight times the time, and not sixty-four.
    assert spent(48_000) < 24 * spent(6_000) + 0.2


def test_a_megabyte_of_digits():
    began = time.process_time()
    assert find_personal_data("1" * 1_000_000) == ()
    assert time.process_time() - began < 10


def test_nothing_heavy_is_imported():
    code = (
        "import sys, json; from metier.text.personal_data import masked; masked('I am Anna Bell, a@b.com');"
        "print(json.dumps([name for name in ('torch', 'spacy', 'transformers', 'pandas') if name in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


def test_a_model_finds_names_that_no_list_has():
    pytest.importorskip("spacy", reason="the extra nlp is not installed")
    text = "Boris Yeltsin arrived in Berlin on Monday."
    assert find_personal_data(text) == ()
    assert [one.text for one in find_personal_data(text, with_model=True)] == ["Boris Yeltsin"]
