"""The words before a number that say what it is, or that it is something else.

Words count whole: the letters `lic` in *public* say nothing. The nearest word decides, so that the telephone number
after "order 4711, call" is one, and the number after "order number" is none.
"""

import re

REACH = 48  # Characters before a piece in which its words stand.
REACH_AFTER = 20
# Numbers that are no person's, whatever they look like.
_OTHER_ENGLISH = (
    "order|order number|order no|order id|orders|invoice|invoice number|tracking|tracking number|ticket|ticket number|"
    "case number|case id|reference|reference number|ref|serial|serial number|sku|model|part number|part no|item|"
    "item number|batch|lot|version|firmware|build|release|isbn|issn|doi|article|product|product code|barcode|"
    "transaction id|transaction number|booking|booking number|parcel|shipment|revision|commit|error code|code|"
    "po number|purchase order|timestamp|population|total|amount|price"
)
_OTHER_CHINESE = (
    "订单|单号|编号|流水号|运单|票号|型号|批次|批号|版本|工单|货号|条码|条形码|序列号|案号|工号|学号|会员号|商品|产品|交易号|"
    "合同号|发票|固件|邮编|金额|总额|价格|时间戳|期号|书号|专利号|参考号|凭证号|代码"
)
_CURRENCIES = "$€£¥￥₹"
_ENDS = re.compile(r"[。！？!?\n]|\.\s").finditer


class Context:
    """Words that speak for one kind of personal data.

    Parameters
    ----------
    english, chinese : str
        Words or phrases, separated by `|`; each may be a regular expression. English ones count whole, in any case.
    """

    def __init__(self, english: str, chinese: str):
        # Of words that begin at one place the longest counts: "order number" over "order".
        self._find = re.compile(_either(f"{english}|{_OTHER_ENGLISH}", f"{chinese}|{_OTHER_CHINESE}")).finditer
        own = re.compile(_either(english, chinese))
        self._own, self._is_own = own.search, own.fullmatch

    def before(self, text: str, start: int, *, reach: int = REACH) -> bool | None:
        """Whether the nearest word before a place speaks for this kind; None where there is no word."""
        # In lower case and without a flag for it, the pattern is many times faster.
        last = None
        for found in self._find(text[max(0, start - reach) : start].lower()):
            last = found
        return None if last is None else self._is_own(last.group()) is not None

    def is_after(self, text: str, end: int) -> bool:
        """Whether a word shortly after a place speaks for this kind, before the sentence ends."""
        window = text[end : end + REACH_AFTER].lower()
        stop = next(_ENDS(window), None)
        return self._own(window if stop is None else window[: stop.start()]) is not None


def _either(english: str, chinese: str) -> str:
    words, pieces = (
        "|".join(sorted(listed.lower().split("|"), key=len, reverse=True)) for listed in (english, chinese)
    )
    return rf"(?:(?<![a-z])(?:{words})(?![a-z])|{pieces})"


def is_price(text: str, start: int) -> bool:
    """Whether a sign of a currency stands before a number."""
    before = text[max(0, start - 2) : start].rstrip()
    return before[-1:] in _CURRENCIES and bool(before)
