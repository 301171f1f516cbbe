"""Write docs/benchmarks.md from benchmarks/results/*.json: `python scripts/benchmark_page.py`.

All numbers come from the result files. A test compares the page with the output of this script.
"""

import json
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
RESULTS = PROJECT / "benchmarks" / "results"
PAGE = PROJECT / "docs" / "benchmarks.md"
MARK = "<!-- Written by scripts/benchmark_page.py from benchmarks/results. -->"
TO_REACH = (0.60, 0.70, 0.80, 0.85, 0.88, 0.90, 0.92, 0.93)
TUTORIAL, BEST, OURS = "Trainer, tutorial", "Trainer, best", "encoder.v1"
INTRODUCTION = """# Benchmarks

This page compares speed, memory and quality of Metier with other tools (Hugging Face Trainer, SetFit,
AutoGluon-MultiModal, sentence-transformers, scikit-learn) on the same rows, base (all-MiniLM-L6-v2, 22 million weights),
split and number of epochs. Each tool runs in its own environment (`make bench-peers` creates them in `.bench`) and
process, alternating: A, B, A, B.

Times are CPU times, because the machine was shared: they count what a tool computes, not what it waits for. Only ratios
within one run can be compared, and on a busy machine they vary by a tenth. `times ours` above 1 means that ours is
faster. Quality is shown with every time. Loading, imports and the test are not included; our time includes the linear
initialisation of the head and validation, the Trainer's does not."""


def pages() -> dict[Path, str]:
    """Give the page's path and text."""
    parts = [MARK, INTRODUCTION]
    if (shared := read("step_share")) is not None:
        machine = shared["machine"]
        sets = ", ".join(machine["instruction_sets"])
        parts.append(
            f"Machine: {machine['cpu']}, {machine['cores']} cores ({sets}), {machine['memory_bytes'] / 2**30:.0f} GB. "
            "`load` is the load average at the end of a run: above 2 the processes shared the cores."
        )
    for section, names in SECTIONS:
        found = [result for name in names if (result := read(name)) is not None]
        if found:
            parts += section(found)
    missing = [name for name in COMMANDS if read(name) is None]
    if missing:
        lines = "\n".join(f"- {name}: `{COMMANDS[name]}`" for name in missing)
        parts += [
            "## Not measured yet",
            "Run one of these commands on an idle machine:",
            lines,
        ]
    return {PAGE: "\n\n".join(part.strip() for part in parts) + "\n"}


def read(name: str) -> dict[str, Any] | None:
    """A file of results, or None where it was not measured."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text("utf-8")) if path.exists() else None


def fine_tuning(results: list[dict[str, Any]]) -> Iterator[str]:
    """Whole trainings against peers."""
    yield "## Fine-tuning, from rows to a model"
    yield (
        "`Trainer, tutorial`: every row padded to 128 tokens, float32, batches of 32. `Trainer, best`: padded to the "
        "longest of the batch, grouped by length, bfloat16. AutoGluon-MultiModal at its defaults, on the same base. One "
        "epoch: a head with random initialisation has learned little by then."
    )
    for result in results:
        yield caption(result)
        yield compared(result, OURS)


def step_speed(results: list[dict[str, Any]]) -> Iterator[str]:
    """The training loop alone against the Trainer."""
    yield "## Fine-tuning, the loop alone"
    yield (
        "One epoch in one process, without loading, tokenizing or initialising the head. The amount of padding depends on "
        "the number of rows: grouping by length works better with many."
    )
    for result in results:
        rows = []
        for name, side in result["sides"].items():
            own = result["times_faster_than"].get(name)
            rows.append(
                [
                    name,
                    side["examples_per_processor_second"],
                    times(own["processor"]) if own else "1",
                    percent(side["padding_fraction"]),
                ]
            )
        command = result.get("command") or (
            f"python -m benchmarks.training_speed --rows {result['rows']} --rounds {result['rounds']} "
            f"--threads {result['threads']}"
        )
        yield f"{result['rows']:,} rows, {result['rounds']} rounds, load {result['load_average']}: `{command}`"
        yield table(["side", "rows per CPU second", "times ours", "padding"], rows)


def time_to_accuracy(results: list[dict[str, Any]]) -> Iterator[str]:
    """How long until validation is right so often."""
    yield "## Time to accuracy"
    yield (
        "Processor seconds until the validation rows are answered with that accuracy; every epoch is scored. Ours starts "
        "from the linear solution on the frozen base, whose time is included. `Trainer, best` here uses four times its "
        "default learning rate and eight epochs, without which it is far from converged. The tutorial's Trainer was "
        "not run to the end: its column is **computed** from the rows that `Trainer, best` needed and the tutorial's "
        "own rate above, assuming that both learn equally much from a row."
    )
    for result in results:
        sides = {name: runs for name, runs in result["sides"].items() if "failed" not in runs[0]}
        rate = tutorial_seconds_a_row()
        names = [*sides, *([f"{TUTORIAL}, computed"] if BEST in sides and rate else [])]
        rows = []
        for wanted in TO_REACH:
            cells = [spent(runs[0], wanted) for runs in sides.values()]
            if len(names) > len(sides):
                cells.append(computed(sides[BEST][0], wanted, rate or 0.0))
            if any(cell != "not reached" for cell in cells):
                rows.append([f"{wanted:.2f}", *cells])
        rows.append(["after all epochs", *(last(runs[0]) for runs in sides.values()), "-"][: len(names) + 1])
        yield caption(result)
        yield table(["accuracy", *names], rows)


def shares(results: list[dict[str, Any]]) -> Iterator[str]:
    """The step against the peak of the matrix product."""
    (result,) = results
    yield "## Share of the peak of the processor"
    yield (
        "Operations of a step by formula, over its time, against the best rate of plain matrix products measured between "
        f"the steps (large squares and the layers' own shapes); load {result['load_average']}: `{result['command']}`"
    )
    rows, kinds = [], {}
    for name, found in result["precisions"].items():
        peak = max(found["peak_gflop_per_second"].values())
        rate = statistics.median(found["step_gflop_per_second"])
        rows.append([name, f"{peak:.0f}", f"{rate:.0f}", percent(found["share_of_peak"])])
        kinds[name] = found["share_of_time"]
    yield table(["precision", "peak, GFLOP/s a core", "step, GFLOP/s", "share"], rows)
    yield "Where the time of a step goes, by torch's profiler (which itself costs a little):"
    every = list(next(iter(kinds.values())))
    yield table(["", *kinds], [[kind, *(percent(kinds[name][kind]) for name in kinds)] for kind in every])


def sizes(results: list[dict[str, Any]]) -> Iterator[str]:
    """Growth with rows and tokens."""
    (result,) = results
    yield "## Scaling"
    yield (
        "Steps are measured, an epoch is their rate times its tokens; rows beyond 10,003 are noisy repeats: "
        f"`{result['command']}`, load {result['load_average']}"
    )
    yield "![Cost of an epoch by rows, and of a row by tokens](images/cost_by_size.png)"
    yield table(
        ["rows", "an epoch, CPU s", "rows per CPU second", "tokenising, CPU s", "padding", "peak memory, MB"],
        [
            [
                f"{row['rows']:,}",
                row["epoch_cpu_seconds"],
                row["examples_per_cpu_second"],
                row["tokenising_cpu_seconds"],
                percent(row["padding_fraction"]),
                row["peak_memory_mb"],
            ]
            for row in result["rows"]
        ],
    )
    yield table(
        [
            "tokens a row",
            "a row, CPU ms",
            "tokens per CPU second",
            "plain attention, times the fused",
            "peak memory, MB",
        ],
        [
            [
                row["tokens"],
                row["cpu_ms_a_row"],
                f"{row['tokens_per_cpu_second']:,}",
                ", ".join(map(str, row["plain_over_fused"])),
                row["peak_memory_mb"],
            ]
            for row in result["tokens"]
        ],
    )


def embedding(results: list[dict[str, Any]]) -> Iterator[str]:
    """Embedding against sentence-transformers."""
    yield "## Embedding"
    yield "The accuracy is that of the same logistic regression on the embeddings of each side."
    for result in results:
        yield caption(result)
        yield compared(result, "embed")


def classical(results: list[dict[str, Any]]) -> Iterator[str]:
    """Methods without fine-tuning."""
    yield "## Without fine-tuning"
    yield (
        "scikit-learn as in tutorials: TF-IDF of words, `LinearSVC`, one fit. `tfidf_linear.v1` adds characters, "
        "chooses model and strength on validation and calibrates; `frozen_linear.v1` embeds with the base."
    )
    for result in results:
        yield caption(result)
        yield compared(result, "tfidf_linear.v1")


def few_shot(results: list[dict[str, Any]]) -> Iterator[str]:
    """Few labels a class: over draws against the frozen base, and beside SetFit on the same draws."""
    yield "## Few labels"
    for result in results:
        if "summary" in result:
            yield from over_draws(result)
        else:
            yield "SetFit 1.2 with 5 iterations of pairs, batches of 16, one epoch; every side learns from the same draw."
            yield caption(result)
            yield compared(result, "few_shot.v1")


def over_draws(result: dict[str, Any]) -> Iterator[str]:
    """Our sides over several draws, with the interval of what they gain."""
    rows = []
    for name, side in result["summary"]["sides"].items():
        gain = result["summary"]["over_frozen_linear"].get(name)
        low, high = gain["interval_95"] if gain else (0.0, 0.0)
        rows.append(
            [
                name,
                side["draws"],
                percent(side["accuracy_mean"]),
                f"{gain['difference'] * 100:+.1f} [{low * 100:+.1f}, {high * 100:+.1f}]" if gain else "",
                side["fit_processor_seconds_median"],
            ]
        )
    yield f"banking77, {result['per_class']} a class: `python -m benchmarks.few_shot --per-class {result['per_class']}`"
    yield table(
        ["side", "draws", "accuracy on test", "over the frozen base, points [95 %]", "fit, CPU s"], rows
    )


def whole_runs(results: list[dict[str, Any]]) -> Iterator[str]:
    """From rows with texts and images to a model that answers one row, beside AutoGluon-MultiModal."""
    yield "## Texts, images, or both"
    yield WHOLE_RUNS.strip()
    for result in results:
        ours = list(result["sides"])[-1]
        rows = []
        for name, (run, *_) in result["sides"].items():
            if "failed" in run:
                rows.append([name, run["failed"].replace("|", "/")[:120], *[""] * 6])
                continue
            ratio = result["times_of"].get(ours, {}).get(name)
            rows.append(
                [
                    name,
                    f"{percent(run['accuracy'])} [{percent(run['interval_95'][0])}, {percent(run['interval_95'][1])}]",
                    over(run["ours_over_it"]) if "ours_over_it" in run else "",
                    f"{run['cpu_seconds']:,.0f}",
                    times(ratio) if ratio else "1",
                    f"{run['peak_memory_mb']:,}, {run['one_row'].get('peak_memory_mb', '-')}",
                    f"{run['size_mb']:.0f}",
                    ", ".join(
                        f"{way['processor_ms']:.1f} ({way['clock_ms']:.1f}) {called}".strip()
                        for called, way in ways_of(run)
                    ),
                ]
            )
        yield caption(result)
        yield table(WHOLE_TITLES, rows)
        if chosen := result["sides"][ours][0].get("recommended"):
            yield (
                f"`metier train` recommended `{chosen}`, by validation; on test its candidates had "
                f"{listed(result, ours)}."
            )


def over(found: dict[str, Any]) -> str:
    """What ours has more than another side, in points."""
    low, high = found["low"] * 100, found["high"] * 100
    return f"{found['difference'] * 100:+.1f} [{low:+.1f}, {high:+.1f}], p = {found['p_value']:.2g}"


def ways_of(run: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The ways that a side answers one row, by name where there are several."""
    ways = run["one_row"].get("ways", {})
    return [(name if len(ways) > 1 else "", way) for name, way in ways.items()]


def listed(result: dict[str, Any], ours: str) -> str:
    """The accuracy of every candidate of a run."""
    found = result["sides"][ours][0]["candidates"]
    return ", ".join(f"`{name}` {percent(value)}" for name, value in found.items())


def whole_run_aims() -> Iterator[list[str]]:
    """How many times the time and the latency of ours the other side takes, at its fastest."""
    for name in WHOLE_SUITES:
        result = read(name)
        if result is None:
            continue
        *others, ours = result["sides"]
        own = result["sides"][ours][0]
        theirs = [
            one for one in others if one.startswith("AutoGluon") and "failed" not in result["sides"][one][0]
        ]
        if "failed" in own or not theirs:
            continue
        what = f"{name.replace('_', ' ')}: AutoGluon's"
        ratio = min(result["times_of"][ours][one]["median"] for one in theirs)
        fastest = min(way["processor_ms"] for one in theirs for _, way in ways_of(result["sides"][one][0]))
        latency = fastest / min(way["processor_ms"] for _, way in ways_of(own))
        best = max(theirs, key=lambda one: result["sides"][one][0]["accuracy"])
        found = result["sides"][best][0]["ours_over_it"]
        yield [
            f"{what} accuracy, ours more",
            "not worse",
            over(found),
            {"a is better": "met", "b is better": "**missed**"}.get(found["verdict"], found["verdict"]),
        ]
        yield [f"{what} time of training, times ours", "3", f"{ratio}", verdict(ratio, 3)]
        yield [
            f"{what} fastest way to answer one row, times ours",
            "10",
            f"{latency:.1f}",
            verdict(latency, 10),
        ]


def served(results: list[dict[str, Any]]) -> Iterator[str]:
    """One text a request over HTTP, beside four other servers."""
    (result,) = results
    before, after = result["load_average"]
    yield "## Serving"
    yield SERVED.strip()
    yield (
        f"Load average {before} at the beginning, {after} at the end, of two cores: other processes took a share of every "
        "clock here, though servers and client went before them (`nice -n -10`). So the processor's time can be compared, "
        f"the clock's only roughly. `{result['command']}`"
    )
    for workload, sides in result["workloads"].items():
        ours = sides["metier serve"]
        rows = [served_row(name, side, ours) for name, side in sides.items()]
        yield f"**{WORKLOADS[workload]}**"
        yield table(SERVED_TITLES, rows)
    yield from served_aims(result["workloads"])


def served_row(name: str, side: dict[str, Any], ours: dict[str, Any]) -> list[Any]:
    """A line of a server: answers, speed, memory, waiting under each load."""
    if "failed" in side:
        return [name, side["failed"].replace("|", "/")[:120], *[""] * 7]
    loads = side["loads"]
    waits = [
        f"{load['p50_ms']:.0f}, {load['p95_ms']:.0f}, {load['p99_ms']:.0f}{kept_up(load)}" for load in loads
    ]
    return [
        name,
        percent(side["equal_answers"]),
        f"{side['requests_per_second']:,.0f}",
        side["server_cpu_us_a_request"],
        f"{side['server_cpu_us_a_request'] / ours['server_cpu_us_a_request']:.1f}",
        f"{side['memory_after_mb']:.0f}",
        side["ready_seconds"],
        "; ".join(waits),
    ]


def kept_up(load: dict[str, Any]) -> str:
    """Say of a load which was more than a server could take, how much it took."""
    is_less = load["answered_per_second"] < 0.85 * load["offered_per_second"] or load["faults"]
    return f" (took {load['answered_per_second']:.0f})" if is_less else ""


def served_aims(workloads: dict[str, Any]) -> Iterator[str]:
    """What was aimed at for the service, and what was found."""
    cascade, encoder = workloads["cascade"], workloads["encoder"]
    ours, rows = cascade["metier serve"], []
    for name, other, aim in (
        ("pipeline in torch", encoder.get("pipeline (torch)"), 10.0),
        ("pipeline on the ONNX file", encoder.get("pipeline (ONNX)"), 10.0),
        ("BentoML around the cascade", cascade.get("BentoML"), 2.0),
    ):
        if other and "failed" not in other:
            ratio = other["server_cpu_us_a_request"] / ours["server_cpu_us_a_request"]
            rows.append(
                [
                    f"cascade: requests a processor second, times those of the {name}",
                    aim,
                    f"{ratio:.1f}",
                    verdict(ratio, aim),
                ]
            )
    seconds, memory = ours["ready_seconds"], ours["memory_after_mb"]
    rows.append(
        ["cascade: seconds until it is ready", "2 at most", seconds, "met" if seconds <= 2 else "**missed**"]
    )
    rows.append(["cascade: memory, MB", "300 at most", memory, "met" if memory <= 300 else "**missed**"])
    yield table(["what", "aim", "found", ""], rows)


def aims(results: list[dict[str, Any]]) -> Iterator[str]:
    """What was aimed at, and what was found."""
    few, many, share, long = (read(name) for name in AIMED)
    rows = []
    if few:
        rows.append(
            ["the tutorial's Trainer, times as fast", "15", few["times_faster_than"]["tutorial"]["processor"]]
        )
    if most := many or few:  # Among more rows the Trainer's grouping by length has more to choose from.
        rows.append(
            ["the Trainer at its best, times as fast", "3", most["times_faster_than"]["best"]["processor"]]
        )
    rows = [[what, aim, times(found), verdict(found["median"], float(aim))] for what, aim, found in rows]
    if share and "bf16" in share["precisions"]:
        found = share["precisions"]["bf16"]["share_of_peak"]
        rows.append(["share of the bf16 peak inside the step", "60 %", percent(found), verdict(found, 0.6)])
    if long and (gain := gain_in_time(long)):
        name, ratio = gain
        rows.append(
            [f"less time to {name} than the tutorial, computed", "10", f"{ratio:.0f}", verdict(ratio, 10)]
        )
    else:
        rows.append(["less time to 0.93 than the tutorial", "10", "not measured", ""])
    rows += whole_run_aims()
    yield "## Aims"
    yield table(["what", "aim", "found", ""], rows)
    if share and "bf16" in share["precisions"]:
        found = share["precisions"]["bf16"]["share_of_peak"]
        yield (
            f"The step runs at {percent(found)} of the fastest matrix product of this processor: unless it computes less, "
            f"it can become at most {1 / found:.1f} times as fast."
        )
        if most and (bound := most["times_faster_than"]["best"]["processor"]["median"] / found) < 3:
            yield (
                f"Against the Trainer at its best that would be {bound:.1f} times. The aim needs less computing: "
                "frozen layers, as with `--adaptation top:2` in the first table above."
            )


def gain_in_time(result: dict[str, Any]) -> tuple[str, float] | None:
    """The highest accuracy that both the Trainer and a side of ours reached, and how many times less time ours took."""
    best, rate = result["sides"].get(BEST, [{"failed": ""}])[0], tutorial_seconds_a_row()
    ours = [
        runs[0] for name, runs in result["sides"].items() if name.endswith(".v1") and "failed" not in runs[0]
    ]
    if "failed" in best or rate is None:
        return None
    for wanted in reversed(TO_REACH):
        theirs = reached(best, wanted)
        own = [entry["cpu_seconds"] for run in ours if (entry := reached(run, wanted))]
        if theirs and own:
            return f"{wanted:.2f}", theirs["examples"] * rate / min(own)
    return None


def verdict(found: float, aim: float) -> str:
    """Whether an aim was met."""
    return "met" if found >= aim else "**missed**"


def compared(result: dict[str, Any], ours: str) -> str:
    """Table of a suite: speed, ratio, memory, quality."""
    rows = []
    for name, runs in result["sides"].items():
        done = [run for run in runs if "failed" not in run]
        if not done:
            rows.append([name, runs[0]["failed"].replace("|", "/")[:120], "", "", "", ""])
            continue
        ratio = result["times_of"].get(ours, {}).get(name)
        rows.append(
            [
                name,
                typical(done, "cpu_seconds", ".1f"),
                typical(done, "examples_per_cpu_second", ",.1f"),
                times(ratio) if ratio else "1" if name == ours else "-",
                typical(done, "peak_memory_mb", ".0f"),
                ", ".join(percent(run["accuracy"]) for run in done),
            ]
        )
    titles = ["side", "CPU s", "rows per CPU second", "times ours", "peak memory, MB", "accuracy on test"]
    return table(titles, rows)


def caption(result: dict[str, Any]) -> str:
    """What was run: rows, epochs, rounds and the command."""
    rows = result["rows"] if isinstance(result["rows"], str) else f"{result['rows']:,} rows"
    rounds = "1 round" if result["rounds"] == 1 else f"{result['rounds']} rounds"
    threads = "one thread" if result["threads"] == 1 else f"{result['threads']} threads"
    name = result.get("set", "banking77")
    return f"{name}, {rows}, {rounds}, {threads}, load {result['load_average']}: `{result['command']}`"


def typical(runs: list[dict[str, Any]], name: str, form: str) -> str:
    """The median of a value over runs."""
    return format(statistics.median(run[name] for run in runs), form)


def tutorial_seconds_a_row() -> float | None:
    """Processor seconds that the tutorial's Trainer took for a row where it was run."""
    result = read("fine_tuning")
    runs = [] if result is None else [run for run in result["sides"][TUTORIAL] if "failed" not in run]
    return statistics.median(run["cpu_seconds"] / run["examples"] for run in runs) if runs else None


def reached(run: dict[str, Any], wanted: float) -> dict[str, float] | None:
    """The first entry of a run's history that is as accurate."""
    return next((entry for entry in run["history"] if entry["accuracy"] >= wanted), None)


def spent(run: dict[str, Any], wanted: float) -> str:
    """Seconds to an accuracy."""
    entry = reached(run, wanted)
    return f"{entry['cpu_seconds']:.0f} s" if entry else "not reached"


def computed(best: dict[str, Any], wanted: float, seconds_a_row: float) -> str:
    """Seconds the tutorial's way would take for the rows that the best one needed."""
    entry = reached(best, wanted)
    return f"{entry['examples'] * seconds_a_row:.0f} s" if entry else "not reached"


def last(run: dict[str, Any]) -> str:
    """Where a run ended: validation, seconds, test."""
    entry = run["history"][-1]
    return f"{entry['accuracy']:.3f} in {run['cpu_seconds']:.0f} s (test {percent(run['accuracy'])})"


def times(ratio: dict[str, Any]) -> str:
    """A ratio and its rounds."""
    rounds = ratio["rounds"]
    spread = f" ({min(rounds)} to {max(rounds)})" if len(rounds) > 1 else ""
    return f"{ratio['median']}{spread}"


def percent(share: float) -> str:
    """A share as a percentage."""
    return f"{share * 100:.1f} %"


def table(titles: list[str], rows: list[list[Any]]) -> str:
    """A table of Markdown."""
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


WHOLE_SUITES = ("text_with_image", "titles", "photographs")
WHOLE_TITLES = [
    "side",
    "accuracy on test [95 %]",
    "`metier train` over it, points [95 %]",
    "CPU s",
    "times ours",
    "peak memory of training and of answering, MB",
    "model, MB",
    "one row, CPU ms (clock ms)",
]
WHOLE_RUNS = """
What each side makes of the same rows and the same two bases, all-MiniLM-L6-v2 and EfficientNet-Lite0 (timm's network
with these weights gives the same vectors, to the last bit), from files to a saved model. `text_with_image` and
`titles`: drawings of healthicons with their titles, 21 labels. `photographs`: grocery_store, images alone.

AutoGluon-MultiModal 1.6.3 has `hf_text`, `timm_image`, and for both `fusion_mlp`, with its preset for networks of
this size (`medium_quality`, which tunes every weight at a rate of 4e-4) and the mean of a text's tokens, as the base
was trained. On 300 rows its 20 epochs in batches of 128 are 60 steps; `more steps` are 10 epochs in batches of 32, 95
steps in half the epochs. It was not given what it would fetch from the hub for itself (there was no network, and those
are other bases), its search of hyperparameters, or a GPU, for which it is made: on a processor it learns in float32.

`metier train` compares its default candidates under a budget that does not bind, without a refit, so that both sides
learn from the training rows alone and choose on the validation rows. Its time includes every candidate, their answers
out of fold and to the test rows, and the report; `joint.v1` is a run of that candidate alone. CPU seconds are those
of user and system from the start of the process, imports included, to the saved model. For both sides freed memory is
kept (`MALLOC_TRIM_THRESHOLD_`), without which AutoGluon takes longer still.

One row: the median of 60, loaded processes asked in turn. `predict` is AutoGluon's default, `realtime` an option of
its `predict_proba`. Its `optimize_for_inference` (ONNX) is listed where it works; on `fusion_mlp` it ends in a
`TypeError`."""
SERVED = """
One text of banking77 a request, one worker on one core for every server, one thread; the client is on the other core and
costs some 0.2 ms a request of its own. `encoder` is the same INT8 file in ONNX Runtime for all, with the same tokenizer; of
the pipeline `(torch)` is the float32 checkpoint of the same training, as tutorials serve it. `cascade` is the bundle that
`metier train` recommends, which a peer asks in its own process; a pipeline cannot hold one. `equal answers`: labels equal
to those of the bundle, of 200 texts. `CPU`: of the server, with all processes that it started, while eight callers ask as
fast as answers come. Waiting: p50, p95, p99 in ms when 50, 200 and 800 requests a second come at random times (open loop),
counted from the time at which a request should have left. BentoML 1.4.40, LitServe 0.2.19, MLServer 1.7.1 (answering in its
own process, `parallel_workers: 0`, its fastest here) and transformers 5.23.0 under FastAPI, all without access logs."""
WORKLOADS = {"encoder": "The same ONNX file", "cascade": "The same cascade"}
SERVED_TITLES = [
    "server",
    "equal answers",
    "requests/s at most",
    "CPU, µs a request",
    "times ours",
    "memory, MB",
    "ready, s",
    "waiting, ms",
]
COMPARE = "python -m benchmarks.peers.compare"
COMMANDS = {
    "fine_tuning": f"{COMPARE} fine_tuning",
    "fine_tuning_more_rows": f"{COMPARE} fine_tuning_more_rows",
    "training_speed_more_rows": "python -m benchmarks.training_speed --rows 2048 --rounds 2 --threads 1 --without-tutorial "
    "--output benchmarks/results/training_speed_more_rows.json",
    "time_to_accuracy": f"{COMPARE} time_to_accuracy --rounds 1",
    "embedding": f"{COMPARE} embedding",
    "classical": f"{COMPARE} classical",
    "serving": "python -m benchmarks.peers.serving RUN",
    "few_shot": "python -m benchmarks.few_shot",
    "few_shot_8": f"{COMPARE} few_shot_8",
    "few_shot_16": f"{COMPARE} few_shot_16",
    **{name: f"{COMPARE} {name} --rounds 1 --minutes 240 --data DATA" for name in WHOLE_SUITES},
}
AIMED = ("training_speed", "training_speed_more_rows", "step_share", "time_to_accuracy")
Section = Callable[[list[dict[str, Any]]], Iterator[str]]
SECTIONS: tuple[tuple[Section, tuple[str, ...]], ...] = (
    (fine_tuning, ("fine_tuning", "fine_tuning_more_rows")),
    (step_speed, ("training_speed", "training_speed_more_rows")),
    (time_to_accuracy, ("time_to_accuracy", "time_to_accuracy_all_rows")),
    (shares, ("step_share",)),
    (sizes, ("sizes",)),
    (embedding, ("embedding",)),
    (classical, ("classical",)),
    (whole_runs, WHOLE_SUITES),
    (few_shot, ("few_shot", "few_shot_8", "few_shot_16")),
    (served, ("serving",)),
    (aims, AIMED),
)


def main() -> None:
    """Write the page."""
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
        print(path)


if __name__ == "__main__":
    main()
