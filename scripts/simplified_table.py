"""Make the table of simplified characters from OpenCC: `pip install opencc==1.4.2`, then run this.

OpenCC is Apache-2.0, Copyright 2010-2026 Carbo Kuo and contributors. Characters whose simplified form depends on the word
(乾 in 乾隆 and 乾燥) are left out.
"""

from pathlib import Path

import opencc

TABLE = Path(__file__).parent.parent / "src" / "metier" / "text" / "simplified_characters.txt"
BLOCKS = (range(0x3400, 0x4DC0), range(0x4E00, 0xA000), range(0xF900, 0xFB00))
# 乾隆 and 乾燥, 商角徵羽 and 徵求, 瞭望 and 明瞭, 狼藉 and 藉口.
BY_THE_WORD = set("乾徵瞭藉")


def main() -> None:
    """Write the table."""
    convert = opencc.OpenCC("t2s").convert
    pairs = [(chr(code), convert(chr(code))) for block in BLOCKS for code in block]
    kept = [(one, other) for one, other in pairs if one != other and len(other) == 1 and one not in BY_THE_WORD]
    head = "# Traditional characters, and below each its simplified form: OpenCC 1.4.2, Apache-2.0\n"
    TABLE.write_text(
        head + "\n".join("".join(line) for line in zip(*kept, strict=True)) + "\n", encoding="utf-8"
    )
    print(f"{len(kept)} characters")


if __name__ == "__main__":
    main()
