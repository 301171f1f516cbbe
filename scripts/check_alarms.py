"""Count what `metier check` finds in data sets as they came: false alarms, or true errors that nobody planted.

    python scripts/check_alarms.py --data banking77 csl_category_zh ncbi_disease

Each folder has train and test files; a line each finding of the deeper checks, with its rows and two examples.
"""

import argparse
import time
from pathlib import Path

from metier.audit import examine
from metier.data import read, read_alike

FINDINGS = (
    *(
        "label-errors",
        "near-conflicts",
        "indistinct-labels",
        "spurious-cues",
        "outliers",
        "test-drift",
        "noise-ceiling",
    ),
    *("mojibake", "lost-signs", "unseen-signs", "mixed-widths", "mixed-scripts"),
)


def main() -> None:
    """Examine each data set and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="folders with train and test files")
    for folder in parser.parse_args().data:
        train = next(path for path in sorted(folder.iterdir()) if path.stem == "train")
        rows = read(train)
        test = read_alike(train.with_stem("test"), rows)
        started = time.process_time()
        audit = examine(rows, test=test)
        print(f"{folder.name}: {len(rows):,} rows, {time.process_time() - started:.1f} CPU seconds")
        for finding in audit.findings:
            if finding.check in FINDINGS:
                print(f"  {finding.check}, {len(finding.rows):,} rows: {finding.sentence}")
                for example in finding.examples[:2]:
                    print("    ", {key: str(value)[:80] for key, value in example.items()})


if __name__ == "__main__":
    main()
