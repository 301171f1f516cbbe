"""What holding an answer to a JSON schema costs: milliseconds of the processor a token, with SmolLM2's tokenizer.

Tokens are drawn evenly from those that are allowed, and every text has to parse.

    python -m benchmarks.constraint_cost
"""

import json
import time

import numpy as np

from metier.bases.generative_bases import load_codec, resolve_generative_base
from metier.predictors.text.decoding.constraints import build_constraint

MOST, END = 120, 2
SCHEMA = {
    "type": "object",
    "properties": {
        "topic": {"enum": ["card", "cash", "other"]},
        "note": {"type": "string"},
        "codes": {"type": "array", "items": {"type": "integer"}},
        "zh": {"type": "string", "maxLength": 20},
    },
    "required": ["topic", "note", "codes", "zh"],
}


def main() -> None:
    """Write some texts, print one line each."""
    codec = load_codec(resolve_generative_base("smollm2").folder)
    begun = time.process_time()
    settings = {"kind": "json_schema", "schema": SCHEMA}
    constraint = build_constraint(settings, codec, end_ids=[END], max_new_tokens=MOST)
    assert constraint is not None
    print(json.dumps({"build_seconds": round(time.process_time() - begun, 2)}))
    random = np.random.default_rng(0)
    for _ in range(8):
        answer: list[int] = []
        spent = []
        while len(answer) < MOST:
            begun = time.process_time()
            allowed = constraint.allowed(answer)
            spent.append(1000 * (time.process_time() - begun))
            token = int(random.choice(np.asarray(allowed)))
            if token == END:
                break
            answer.append(token)
        json.loads(codec.decode(answer))
        mean, most = round(float(np.mean(spent)), 2), round(max(spent), 1)
        print(json.dumps({"tokens": len(answer), "mean_ms": mean, "most_ms": most}), flush=True)


if __name__ == "__main__":
    main()
