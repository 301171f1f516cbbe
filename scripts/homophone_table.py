"""Write src/metier/text/homophones.txt: `python scripts/homophone_table.py` (needs pypinyin, MIT).

The 3,755 characters of the first level of GB 2312, those of daily use, under their most frequent reading. The readings
are those of the project pinyin-data (MIT), which pypinyin brings.
"""

from collections import defaultdict
from pathlib import Path

from pypinyin import Style, pinyin

TARGET = Path(__file__).resolve().parents[1] / "src" / "metier" / "text" / "homophones.txt"
HEAD = (
    "# Characters of daily use (first level of GB 2312) that share a reading, its tone included.\n"
    "# Readings: pinyin-data by way of pypinyin 0.55, MIT. Written by scripts/homophone_table.py.\n"
)


def level_one() -> list[str]:
    """The characters of GB 2312's rows 16 to 55."""
    codes = [bytes((row, cell)) for row in range(0xB0, 0xD8) for cell in range(0xA1, 0xFF)]
    return [code.decode("gb2312") for code in codes if code < b"\xd7\xfa"]


def main() -> None:
    """Write the table."""
    readings = defaultdict(list)
    for character in level_one():
        readings[pinyin(character, style=Style.TONE3, heteronym=False)[0][0]].append(character)
    lines = [f"{reading} {''.join(found)}\n" for reading, found in sorted(readings.items()) if len(found) > 1]
    TARGET.write_text(HEAD + "".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
