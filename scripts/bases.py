"""Pretrained bases compared by probes, as `metier train --base A,B` does before it trains anything.

    python scripts/bases.py [--data FOLDER] [--only csl_category_zh,banking77] [--bases all] [--seconds 300]

For each set: which base was taken, and of every base the score of its last round with a 95 % interval, what an answer of
the probe costs, and why it was not taken. Training rows alone are looked at. Without `--data` the samples in `examples/`
are taken.
"""

import argparse
import tempfile
from pathlib import Path

from metier.data import read
from metier.runs.run_folder import RunFolder
from metier.selection.base_comparison import BaseComparison
from metier.selection.candidates import CandidateBuilder
from metier.selection.decisions import decide
from metier.selection.settings import check_settings

EXAMPLES = Path(__file__).parents[1] / "examples"
SETS = {
    "csl_category_zh": "train.csv",
    "banking77": "train.csv",
    "twitter_financial_news": "train.csv",
    "uner_zh_gsd": "train.conll",
}


def main() -> None:
    """Compare on each set and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=EXAMPLES)
    parser.add_argument("--only", default=",".join(SETS))
    parser.add_argument("--bases", default="all", help="Names and folders with commas between them.")
    parser.add_argument("--seconds", type=float, default=300.0, help="What a comparison may take.")
    options = parser.parse_args()
    for name in options.only.split(","):
        compare(name, options)


def compare(name: str, options: argparse.Namespace) -> None:
    """Compare the bases on one set."""
    rows = read(next(options.data.joinpath(name).glob(Path(SETS[name]).stem + ".*")))
    settings = check_settings({"compare_bases": options.bases.split(",")})
    decisions = decide(rows, settings)
    with tempfile.TemporaryDirectory() as folder:
        builder = CandidateBuilder(RunFolder(Path(folder)), settings, decisions)
        for does, names in decisions.compared.items():
            choice = BaseComparison(builder, rows, does, names, options.seconds, lambda progress: None).choose()
            print(f"{name}: {len(rows):,} rows, {choice.method}, {choice.metric}, {choice.seconds:.0f} s")
            for one in choice.bases:
                figures = "-" if one.value is None else f"{one.value:.3f} [{one.low:.3f}, {one.high:.3f}]"
                cost = "-" if one.ms_per_row is None else f"{one.ms_per_row:.2f} ms"
                print(f"  {one.name:18} {one.rows:5} rows  {figures:24} {cost:10} {one.why}", flush=True)


if __name__ == "__main__":
    main()
