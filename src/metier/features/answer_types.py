"""The type of answer that a question asks for, and word lists that show which type a phrase is.

Short lists of common words in English and Chinese; their weights are learned.
"""

import re

from metier.text.segmentation import segment

TYPES = ("person", "time", "place", "number", "reason", "way", "thing")
# The first match decides, so specific patterns come first: "哪一年" asks for a time, "哪" alone for a thing.
_PATTERNS = (
    ("reason", r"\bwhy\b|what (?:caused|reason)|for what reason|为什么|为何|什么原因|原因是|何以|为啥"),
    (
        "time",
        r"\bwhen\b|(?:what|which) (?:year|date|day|month|century|decade|time|season|era)|how long ago"
        r"|何时|几时|什么时候|什么时间|哪.?年|哪.?[天日月]|几[年月日号]|何年|时候|哪个世纪|哪个时期|什么年代|年份",
    ),
    (
        "number",
        r"how (?:many|much|old|long|far|tall|large|big|high|deep|wide|often|fast)|what (?:percent\w*|number|portion"
        r"|fraction|score|amount)|多少|几[个人位种次部名条座岁级所家件场集米名只艘张股成]|第几|多[大长高远久重宽深快]|共有几"
        r"|百分之几|几何",
    ),
    (
        "place",
        r"\bwhere\b|(?:what|which) (?:city|country|place|state|town|region|river|continent|nation|location|county"
        r"|venue|stadium|province|island)|哪里|哪儿|何处|何地|什么地方|哪个(?:国家|城市|省|市|县|地|洲|岛)|哪国|在哪|位于",
    ),
    ("person", r"\bwho(?:m|se)?\b|谁|哪位|何人|什么人|哪些人|哪个人|叫什么名字"),
    ("way", r"\bhow\b|如何|怎么|怎样|怎么样"),
)
_types = [(TYPES.index(name), re.compile(pattern, re.IGNORECASE).search) for name, pattern in _PATTERNS]
_asks = re.compile(
    r"\b(?:what|which|how many|how much)\s+(?:\w+\s+of\s+)?(\w+)|(?:多少|哪个|哪些|哪种|哪一|什么|几)(\w{1,4})",
    re.IGNORECASE,
).search
has_number = re.compile(
    r"\d|^[零一二三四五六七八九十百千万亿两〇]+$|^(?:one|two|three|four|five|six|seven|eight|nine|ten)$"
).search
has_time = re.compile(r"\d+年|\d+月|\d+日|^(?:1\d{3}|20\d{2})s?$|[年月日]$|世纪$|年代$").search
is_place = re.compile(r"[省市县区国州岛洲镇村山河江湖海路街港城]$|地区$").search
is_person = re.compile(
    r"^[赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦许何吕施张孔曹严华金魏陶姜戚谢邹喻柏苏潘葛范彭郎鲁韦马苗方俞任袁柳"
    r"史唐费薛雷贺倪汤罗毕郝安常于傅康余元顾孟黄萧尹姚邵汪毛戴宋庞熊纪舒项董梁杜阮季贾江郭梅林徐高夏蔡田樊胡霍"
    r"万卢丁邓洪包石崔龚程陆叶][\u4e00-\u9fff]{1,2}$"
).search


def question_type(question: str) -> int:
    """Give the type of a question as a position in `TYPES`; "thing" where no pattern matches."""
    for number, found in _types:
        if found(question):
            return number
    return TYPES.index("thing")


def asked_noun(question: str) -> str:
    """Give the noun that is asked for: "points" of "how many points", "国家" of "哪个国家"; else ""."""
    found = _asks(question)
    words = segment(found[1] or found[2] or "") if found else []
    return words[0] if words else ""


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


FUNCTION_WORDS = _words(
    "the a an of and or to in on at by for with from as is are was were be been has have had do does did that which "
    "who whom whose this these those it its he she his her they their them there not but also into than then so such "
    "的 了 是 在 和 与 及 或 为 以 于 被 由 从 对 等 而 并 也 都 就 又 将 其 该 此 "
    "这 那 之 着 过 但 则 使 所 把 给 让 向 至 中 上 下 后 前 时"
)
TIMES = _words(
    "january february march april may june july august september october november december monday tuesday wednesday "
    "thursday friday saturday sunday century centuries decade year years month day morning spring summer autumn winter "
    "bc ad 年 月 日 世纪 年代 春 夏 秋 冬 时期 公元 公元前 年间 期间 初 末 时代"
)
UNITS = _words(
    "million billion thousand hundred percent dollars euros pounds miles meters metres kilometers km feet people points "
    "times years days hours minutes acres tons degrees students "
    "人 个 名 位 次 万 亿 元 米 公里 平方公里 千米 岁 年 部 座 种 家 所 条 集 吨 公顷 小时 分钟 级 届 场 % 百分之"
)
IN_PLACES = _words("in at near from to across 在 于 位于 至 到 赴 往")
IN_TIMES = _words("in on since during until by from 于 在 自 至 自从 直到")
NAMES_FOLLOW = _words("by named called is was as 为 由 是 叫 称 名 叫做 称为 名为 被 即")
REASONS_FOLLOW = _words("because due since caused for 因 因为 由于 因此 为了 为 所以")
