"""Typing errors: slips on a QWERTY keyboard, and Han characters replaced by one of the same sound or shape.

Chinese is typed by sound, so most wrong characters are homophones; look-alikes come from handwriting and scans.
"""

import functools
from collections.abc import Sequence
from importlib.resources import files

import numpy as np

from metier.text.offsets import Edit, Offsets, is_free
from metier.text.word_edits import free_words

ROWS_OF_KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
# A slip in a shorter word often makes another word.
SHORTEST_WORD = 4
# Han characters that look alike: compiled for Metier from spelling exercises of primary schools; limited to common
# characters, not complete.
GROUPS = (
    *("己已巳", "未末", "土士", "人入八", "日曰", "干千于", "大太犬", "天夫", "王玉", "牛午", "戊戌戍", "折拆"),
    *("币巾", "拔拨", "贝见", "免兔", "乌鸟", "今令", "侯候", "渴喝", "晴睛", "清请情", "很恨", "住往", "练炼"),
    *("坏环", "问间", "酒洒", "治冶", "幸辛", "暑署", "辨辩", "历厉", "密蜜", "爪瓜", "处外", "底低", "栽裁"),
    *("竟竞", "徒徙", "崇祟", "部陪", "借惜", "代伐", "第弟", "刀力", "办为", "休体", "传转", "例列"),
    *("优忧", "伸神", "何河", "作昨", "使便", "保堡", "信倍", "像象", "元无", "兑说", "公分", "其具", "再冉"),
    *("冷冶", "准淮", "凉谅", "几儿", "刊刑", "划戏", "初衬", "到倒", "副幅", "助肋", "动功", "勿匆", "包句"),
    *("北此", "厂广", "压庄", "原愿", "友发", "受爱", "口回", "古舌", "史吏", "司同", "吃吐", "名各", "后右"),
    *("吗妈", "含合", "听所", "和知", "咬胶", "响晌", "因困", "团因", "园圆"),
    *("地他", "场扬", "块快", "坚竖", "型形", "域城", "基墓", "填镇", "境镜", "备各", "复夏", "失矢"),
    *("如奴", "妨防", "姑枯", "委季", "婚昏", "孔扎", "宜宣", "定宝", "客容", "宫官", "寒塞"),
    *("导异", "封卦", "尤龙", "尽昼", "屋层", "州洲", "巨臣", "市布", "席度", "带常", "年午", "庆厌"),
    *("应庆", "延廷", "张涨", "强虽", "彩菜", "影景", "待侍", "徽微", "忍忽", "怀杯", "思恩", "急隐"),
    *("性姓", "恢灰", "恳垦", "悔侮", "感惑", "慢漫", "懂董", "成戒", "户卢", "手毛", "扫归", "扰优", "批比"),
    *("找我", "技枝", "抄抡", "把吧", "抢枪", "护沪", "报极", "担但", "招拈", "拥佣", "择泽", "持特", "挂桂"),
    *("指脂", "振震", "捕铺", "换涣", "据剧", "授受", "排徘", "探深", "接按", "推堆", "提题", "搞稿", "撤撒"),
    *("播潘", "操澡", "故姑", "效较", "料科", "旅旋", "旦且", "明朋", "是足", "显湿", "普晋"),
    *("木本术", "朵杂", "杨扬", "析折", "板版", "极级", "某其", "柱注", "标际", "栏拦", "校较", "桃挑", "梅悔"),
    *("棵颗", "植值", "模摸", "次欠", "正止", "步少", "母毋", "氏民", "汉汗", "江红", "池他", "汽气", "沙纱"),
    *("油抽", "洗冼", "活话", "派脉", "浅线", "测侧", "浓农", "海悔", "消削", "淡谈", "温湿", "漂飘", "炒吵"),
    *("烧绕", "燥躁", "牌脾", "特持", "狠狼", "理埋", "甲申由", "电申", "界芥", "略路", "皇星", "盆盘", "直真"),
    *("看着", "瞪蹬", "破坡", "确碗", "礼扎", "秒抄", "积识", "稍梢", "空穷", "符付", "等第", "管菅", "粒拉"),
    *("精睛", "糊胡", "约钓", "纪记", "纷粉", "经径", "绪诸", "续读", "缘绿", "考老", "耍要", "耐而", "职织"),
    *("股般", "肯背", "脚却", "船般", "良艮", "花化", "若苦", "英央", "茶荼", "药约", "获荻", "虎虑", "蚀独"),
    *("衣农", "被披", "裙群", "规现", "视规", "认队", "讯迅", "设没", "诚城", "课棵", "调凋", "贷货", "赏尝"),
    *("赢羸", "跑抱", "踏蹋", "轻经", "辆俩", "近进", "迟退", "述迷", "送关", "速束", "遍偏", "遣遗", "邮由"),
    *("都部", "酸梭", "钱线", "铁轶", "银很", "锁销", "错借", "长张", "闪闭", "闲闭", "阅间", "附付", "降隆"),
    *("限恨", "随隧", "雪雷", "震霞", "顺须", "领颔", "预顶", "额客", "饭反", "饱泡", "驶使", "验检", "鸣呜"),
)


def slip_keys(
    text: str, kept: Sequence[Offsets], random: np.random.Generator, *, fraction: float
) -> list[Edit]:
    """Make one slip in a share of the longer English words: a neighbouring key, or letters swapped, lost or doubled."""
    words = [
        (start, end)
        for start, end in free_words(text, kept)
        if end - start >= SHORTEST_WORD and text[start:end].isascii() and text[start:end].isalpha()
    ]
    if not words:
        return []
    picked = random.permutation(len(words))[: max(1, round(fraction * len(words)))]
    return [_slip(text, words[position], random) for position in picked]


def take_homophones(
    text: str, kept: Sequence[Offsets], random: np.random.Generator, *, fraction: float
) -> list[Edit]:
    """Replace a share of the Han characters by one of the same sound and tone."""
    return _take_others(text, kept, random, fraction=fraction, others=homophones())


def take_lookalikes(
    text: str, kept: Sequence[Offsets], random: np.random.Generator, *, fraction: float
) -> list[Edit]:
    """Replace a share of the Han characters by one of similar shape."""
    return _take_others(text, kept, random, fraction=fraction, others=similar_shapes())


@functools.cache
def homophones() -> dict[str, str]:
    """Give the homophones of each common Han character."""
    written = (files("metier.text") / "homophones.txt").read_text(encoding="utf-8")
    table: dict[str, str] = {}
    for line in written.splitlines():
        if not line.startswith("#"):
            _, group = line.split()
            table |= {character: group.replace(character, "") for character in group}
    return table


@functools.cache
def neighbouring_keys() -> dict[str, str]:
    """Give the neighbouring keys of each letter."""
    keys = {letter: (x + 0.4 * y, y) for y, row in enumerate(ROWS_OF_KEYS) for x, letter in enumerate(row)}
    return {
        letter: "".join(
            other
            for other, (x, y) in keys.items()
            if other != letter and abs(x - own_x) < 1.1 and abs(y - own_y) <= 1
        )
        for letter, (own_x, own_y) in keys.items()
    }


def _slip(text: str, word: Offsets, random: np.random.Generator) -> Edit:
    # Keep the first letter, which is rarely mistyped.
    position = int(random.integers(word[0] + 1, word[1] - 1))
    here, following = text[position], text[position + 1]
    kind = random.integers(4)
    if kind == 0 and here != following:
        return Edit(position, position + 2, following + here)
    if kind == 1:
        return Edit(position, position + 1, "")
    if kind == 2:
        return Edit(position, position + 1, here * 2)
    near = str(random.choice(list(neighbouring_keys()[here.lower()])))
    return Edit(position, position + 1, near.upper() if here.isupper() else near)


def _take_others(
    text: str,
    kept: Sequence[Offsets],
    random: np.random.Generator,
    *,
    fraction: float,
    others: dict[str, str],
) -> list[Edit]:
    positions = [
        position
        for position, character in enumerate(text)
        if character in others and is_free((position, position + 1), kept)
    ]
    if not positions:
        return []
    picked = random.permutation(len(positions))[: max(1, round(fraction * len(positions)))]
    return [
        Edit(
            positions[number], positions[number] + 1, str(random.choice(list(others[text[positions[number]]])))
        )
        for number in picked
    ]


@functools.cache
def similar_shapes() -> dict[str, str]:
    """Give the look-alikes of each character."""
    table: dict[str, str] = {}
    for group in GROUPS:
        for character in group:
            others = table.get(character, "") + group
            table[character] = "".join(other for other in dict.fromkeys(others) if other != character)
    return table
