"""Postal addresses in Chinese: a street or an estate with a number, and what stands before it of province and city.

The number is looked for, and the beginning from there to the left: a province, else a city or a district, else the word
that says that an address follows. A city alone is no address: it names nobody's home.
"""

import re
from collections.abc import Iterator

from metier.text.personal_data.context import Context
from metier.text.personal_data.found import PersonalData, found_at

_WORDS = Context(
    "address",
    "地址|住址|住在|家住|现住|收货|收件|寄到|寄往|寄至|送到|送至|送货|邮寄|户籍|居住|快递|搬到|搬去|家在|位于|籍贯|派送|配送|发到|发往|发货",
)
_PROVINCES = (
    "北京|天津|上海|重庆|河北|山西|辽宁|吉林|黑龙江|江苏|浙江|安徽|福建|江西|山东|河南|湖北|湖南|广东|海南|四川|贵州|云南|陕西|甘肃|"
    "青海|台湾|内蒙古|广西|西藏|宁夏|新疆|香港|澳门"
)
_HAN = "\u3007\u3400-\u4dbf\u4e00-\u9fff"
_NUMBER = r"(?:[0-9]{1,5}|[A-Za-z]|[一二三四五六七八九十百零〇]{1,4})(?:[-—之][0-9A-Za-z]{1,4})?"
_ROADS = "路|街|道|巷|弄|胡同|大街|里|村|庄|园|苑|小区|花园|公寓|新村|社区|大厦|广场|城|湾|府|庭|轩|居|组|段|屯|院|镇|乡|楼"
_UNITS = "号院|号楼|号|弄|栋|幢|座|单元|室|楼|层|组|户|排|院|房"
_anchors = re.compile(
    rf"(?:{_ROADS})(?P<number> ?{_NUMBER} ?(?:号院|号楼|号|弄|栋|幢|座|单元|组|巷)(?: ?(?:之?{_NUMBER}) "
    rf"?(?:{_UNITS})| ?[0-9]{{1,5}}(?![0-9])(?= |$|[，。,；;、]))*)"
).finditer
# Three levels without a number: an address where a word says so.
_levels = re.compile(
    rf"(?:{_PROVINCES})(?:省|市|自治区|壮族自治区|回族自治区|维吾尔自治区|特别行政区)?[{_HAN}]{{1,10}}?(?:市|州|盟|地区|区|县|旗)"
    rf"[{_HAN}]{{1,8}}?(?:区|县|旗|镇|乡|街道|市)[{_HAN}0-9]{{0,16}}?(?:路|街|道|巷|村|镇|小区|街道|大厦|花园|广场)"
).finditer
_postcode = re.compile(r"[ ，,、]{0,2}(?:[（(]?邮编[：: ]?)?[0-9]{6}(?![0-9])[）)]?").match
_BUILDING = rf"[ ，,]?[{_HAN}]{{2,8}}(?:大厦|小区|花园|公寓|广场|苑|新村|写字楼)(?: ?{_NUMBER} ?(?:{_UNITS}))+"
_more = re.compile(_BUILDING).match
_REACH = 44  # Characters of an address before its number.
_breaks = re.compile(rf"[^{_HAN}0-9A-Za-z（）()·-]").finditer
_first_province = re.compile(_PROVINCES).search
_district = re.compile(rf"[{_HAN}]{{2,6}}?(?:自治州|市|县|区|旗)(?!场|政府|民|面|里|别|间|分|域)").search
# Words before an address that are no part of it; the last one counts.
_before = re.compile(
    "地址(?:是|为|改为|改成|写的是|在)?|住址(?:是|为)?|住在|家住|现住|寄到|寄往|寄至|送到|送至|送往|搬到了?|搬去了?|位于|邮寄到|发到|发往|家在|"
    "改成|改为|派送到|配送到|送货到|收货|快递到|居住在|前往|来到|到达|是|在|到|为|去|从|给|往|把|请|和|与|了"
).finditer
_WHOLE_WORDS = re.compile("^(?:我们?|你们?|他们?|她们?|您|公司|家|本人|客户|对方|就|都|也|人)+")


def find_address_zh(text: str) -> Iterator[PersonalData]:
    """Find postal addresses, from the province, or what stands first of one, to the number and the postal code."""
    end = 0
    for found in _anchors(text):
        start = _beginning(text, end, found.start())
        if found.start() - start < 1 and not _WORDS.before(text, start):
            continue  # 路3号: no street is named.
        end = _ending(text, found.end())
        said = _WORDS.before(text, start + 1)
        yield found_at(text, start, end, "LOCATION", "context" if said else "form")
    for found in _levels(text):
        if _WORDS.before(text, found.start(), reach=16):
            yield found_at(text, found.start(), _ending(text, found.end()), "LOCATION", "context")


def _beginning(text: str, least: int, anchor: int) -> int:
    """Give where the address begins whose street ends at `anchor`."""
    first = max(least, anchor - _REACH)
    for sign in _breaks(text, first, anchor):
        first = sign.end()
    province = _first_province(text, first, anchor)
    if province is not None:
        return province.start()
    district = _district(text, first, anchor)
    for word in _before(text, first, district.end() if district else anchor):
        first = word.end()
    whole = _WHOLE_WORDS.match(text[first:anchor])
    return first + (whole.end() if whole else 0)


def _ending(text: str, end: int) -> int:
    more = _more(text, end)
    end = more.end() if more else end
    code = _postcode(text, end)
    return code.end() if code else end
