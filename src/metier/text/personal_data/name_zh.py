"""Names of persons in Chinese: a surname of the list, one or two characters after it, and words beside that say so.

Many characters that are surnames are also words, so a surname alone says nothing. Either a word stands before the name
(`联系人：`, `我叫`) or a title after it (`先生`, `医生`), or it stands between signs and words that names stand
between, is made of characters that names are made of, and is no other word of the dictionary.
"""

import functools
import re
from collections.abc import Callable, Iterator

from metier.text.personal_data.found import Evidence, PersonalData, found_at
from metier.text.personal_data.name_lists import foreign_characters, given_characters, surnames
from metier.text.segmentation import jieba

_HAN = "\u3400-\u4dbf\u4e00-\u9fff"
_LABELS = (
    "姓名|名字|联系人|收件人|收货人|寄件人|发件人|申请人|患者|病人|客户|用户|学生|经办人|负责人|签字人|户主|持卡人|开户人|开户名|户名|机主|车主|"
    "乘客|法人|法定代表人|法人代表|本人|我叫|我是|他叫|她叫|名叫|叫做|叫|这是|同事|朋友|同学|邻居|记者|作者|导演|演员|嘉宾|选手|队员|旅客|"
    "当事人|被告人|被告|原告|嫌疑人|受益人|投保人|被保险人|监护人|紧急联系人|家属|家长|员工|职员|司机|房东|租客|租户|业主|律师|医生|护士|老师|"
    "教授|经理|主任|校长|院长|局长|市长|省长|书记|主席|总统|总理|部长|队长|教练|妻子|丈夫|儿子|女儿|父亲|母亲|爸爸|妈妈|哥哥|姐姐|弟弟|妹妹|"
    "爱人|先生|女士|小姐|署名|签名|签收人|代办人|委托人|受托人|担保人|借款人|付款人|收款人|汇款人|转给|转账给|汇给|寄给|交给|请找|联系|找"
)
_TITLES = (
    "先生|女士|小姐|太太|老师|经理|医生|大夫|护士|教授|主任|同学|师傅|律师|阿姨|叔叔|院长|局长|校长|处长|科长|部长|书记|队长|教练|总经理|董事长|"
    "老板|博士|同志|警官|法官|主席|总统|总理|市长|省长|将军|记者|导演"
)
# What stands right before and after a name in a sentence.
_BEFORE = '和与跟给由被向找对让请把替帮叫是找约问告诉据有为及、，,。；;：:（(“"「!！?？\\s'
_SIGNS_AFTER = r"[，,。；;：:、）)”\"」!！?？（(\s]|$"
_ACTS = (
    r"说|表示|您好|你好|称|认为|和|与|及|跟|在|来|去|已|的(?:电话|手机|身份证|账户|账号|卡|地址|订单|邮箱|护照|银行卡|名字|信息|"
    r"资料|快递|包裹|家|妻子|丈夫|父亲|母亲|儿子|女儿|车|护照|病历|保单|工资)|电话|手机|收|给|把|被|于|今年|出生|毕业|担任|任职|本人|是|有|想|要|需要|昨天|今天|因|将|申请|反映|投诉|"
    r"一起|两人|二人|夫妇|咨询|来电|致电|办理|提交|签字|住在|会|也|都|没|不|先|就|从|到|向|对|用|经|同意|前往|主持|指出|介绍|告诉|身份证|预订|购买|联系|询问|提出"
)
# Characters after a surname that are hardly part of a name.
_NO_GIVEN = frozenset(
    "的了是在和有我你他她它们这那个不也就都很还没被把给让说去来吗呢吧啊呀哦嗯么什怎几多少每某其该本您先总哪谁又再只从向于对跟"
)
_TIMES = frozenset(
    re.findall(
        "..",
        "昨天今天明天前天后天上午下午早上晚上中午刚才目前日前近日后来当时今年去年前年上周本周上月本月最近随后",
    )
)
_acts = re.compile(_ACTS).match
_after = re.compile(f"{_SIGNS_AFTER}|{_ACTS}").match
_titled = re.compile(_TITLES).match
_labelled = re.compile(f"(?:{_LABELS})(?P<apart>是|为|叫|：|:|，|,| |、|——|-){{0,3}}$").search
_is_before = re.compile(f"[{_BEFORE}]").match


@functools.cache
def _surnames() -> Callable[[str], Iterator[re.Match[str]]]:
    single, compound = surnames()
    return re.compile(f"(?:{'|'.join(compound)}|[{single}])(?=[{_HAN}])").finditer


@functools.cache
def _foreign() -> Callable[[str], Iterator[re.Match[str]]]:
    own = foreign_characters()
    # A letter may stand for a name: J·K·罗琳.
    return re.compile(
        f"(?<![{own}])(?:[{own}]{{1,7}}|[A-Z])(?:[·•・‧](?:[{own}]{{1,8}}|[A-Z](?=[·•・‧]))){{1,3}}"
    ).finditer


def find_name_zh(text: str) -> Iterator[PersonalData]:
    """Find names of persons; the dot inside a foreign name shows it."""
    for found in _foreign()(text):
        yield found_at(text, *found.span(), "PERSON", "form")
    end = 0
    for found in _surnames()(text):
        if found.start() < end:
            continue
        name = _name_at(text, found)
        if name is not None:
            end = name.end
            yield name


def _name_at(text: str, surname: re.Match[str]) -> PersonalData | None:
    start, given = surname.span()
    ends = [end for end in (given + 2, given + 1) if _may_be_given(text, given, end)]
    if not ends:
        return None
    titled = next((end for end in ends if _titled(text, end)), None)
    if titled is not None and _begins(text, start) and not _is_word(text[start:titled]):
        return _person(text, start, titled, "context")
    if label := _labelled(text[max(0, start - 10) : start]):
        return _labelled_name(text, start, ends, is_apart=label.group("apart") is not None)
    is_apart = not start or _is_before(text[start - 1]) is not None or text[max(0, start - 2) : start] in _TIMES
    end = next((end for end in ends if _after(text, end)), None)
    if end is None or not _is_made_of_names(text[given:end]) or _is_word(text[start:end]):
        return None
    if jieba().has_word(text[start:end]) and end - given == 1:
        # 文明 and 白水 are names to the dictionary, too: what names do has to follow.
        is_sure = is_apart and _acts(text, end) is not None and _is_tagged(text, start, end)
    else:
        is_sure = is_apart or _is_tagged(text, start, end)
    return _person(text, start, end, "lists") if is_sure else None


def _labelled_name(text: str, start: int, ends: list[int], *, is_apart: bool) -> PersonalData | None:
    """Choose where a name ends whose beginning a word before it tells."""
    fit = (
        [end for end in ends if _after(text, end)]
        or [end for end in ends if end in _word_ends(text, start)]
        or ends
    )
    end = next((end for end in fit if not _is_word(text[start:end])), None)
    if end is None:
        return None
    known = _is_made_of_names(text[end - 1 : end] if is_apart else text[ends[-1] - 1 : end])
    return _person(text, start, end, "context") if known or _after(text, end) else None


def _may_be_given(text: str, start: int, end: int) -> bool:
    piece = text[start:end]
    return len(piece) == end - start and all(
        "\u3400" <= sign <= "\u9fff" and sign not in _NO_GIVEN for sign in piece
    )


def _begins(text: str, start: int) -> bool:
    """Whether a name may begin here: no word of the dictionary goes across."""
    return start == 0 or not (
        "\u4e00" <= text[start - 1] <= "\u9fff" and jieba().has_word(text[start - 1 : start + 1])
    )


def _is_made_of_names(piece: str) -> bool:
    return all(sign in given_characters() for sign in piece)


def _is_word(piece: str) -> bool:
    """Whether the dictionary has a piece, and not as a name."""
    return jieba().has_word(piece) and not str(jieba().tag(piece)[0][1]).startswith("nr")


def _is_tagged(text: str, start: int, end: int) -> bool:
    """Whether the tagger, too, takes a piece for a name."""
    first = max(0, start - 12)
    position = first
    for word, tag in jieba().tag(text[first : end + 12]):
        if position == start:
            return str(tag).startswith("nr") and position + len(word) >= end - 1
        position += len(word)
    return False


def _word_ends(text: str, start: int) -> set[int]:
    ends, position = set(), start
    for word in jieba().cut(text[start : start + 10]):
        position += len(word)
        ends.add(position)
    return ends


def _person(text: str, start: int, end: int, evidence: Evidence) -> PersonalData:
    return found_at(text, start, end, "PERSON", evidence)
