"""Many fits: 64 and 1000 data sets, one worker and two, beside NumPyro and nutpie in a loop.

Data sets are simulated from the published Chinchilla fit, at the 240 points of the refit and at 48
of them. Every study runs in a fresh process, with the compile cache filled, and is timed from the
call of ``fit_many`` to its result: the start of worker processes, tracing and storing are in it.
The peers' scripts are those of ``benchmarks/speed``: a few fits each, one after the other in one
process, from which 64 and 1000 are extrapolated. Raw figures go to ``OUT/raw.jsonl`` as they come;
``--table-only`` rewrites the table from them.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import common

HERE = Path(__file__).resolve().parent
PEERS = ("NumPyro", "PyMC + nutpie")
PEER_FITS = 5
LAWS = (
    *("chinchilla", "skaling", "kaplan", "kaplan_floor"),
    *("power_floor(N)", "power_floor(D)", "power_floor(C)", "power(N)"),
)


class Study(NamedTuple):
    """One study: so many data sets of so many runs."""

    fits: int
    runs: int
    method: str
    workers: int
    engine: str = "processes"


STUDIES = [
    *(Study(64, 240, "nuts", workers) for workers in (1, 2)),
    *(Study(64, 48, "nuts", workers) for workers in (1, 2)),
    *(Study(64, 48, "quick", workers) for workers in (1, 2)),
    *(Study(1000, 48, "quick", workers) for workers in (1, 2)),
    Study(1000, 48, "quick", 2, "threads"),
    *(Study(1000, 240, "quick", workers) for workers in (1, 2)),
]


def tasks(study: Study) -> dict[str, Any]:
    """Simulated data sets, the same for the same study."""
    import bayescale as bs
    from bayescale.runs.read import read_quietly

    points = common.chinchilla_points().kept()
    rng = np.random.default_rng([study.fits, study.runs])
    chosen = np.sort(rng.choice(len(points.N), study.runs, replace=False))
    n, d = points.N[chosen], points.D[chosen]
    law = 1.8169 + 482.01 * n**-0.3478 + 2085.43 * d**-0.3658
    losses = law * np.exp(0.0045 * rng.standard_t(4.0, (study.fits, study.runs)))
    return {
        f"set{i}": bs.Task("chinchilla", read_quietly({"N": n, "D": d, "loss": loss}))
        for i, loss in enumerate(losses)
    }


def summary(fit: Any) -> dict[str, float]:
    """What a study of refits keeps."""
    return {name: float(values.mean()) for name, values in fit.parameters.items()}


def measure_study(study: Study) -> dict[str, Any]:
    """Run a study in this process; what it took."""
    import bayescale as bs

    given = tasks(study)
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        many = bs.fit_many(
            given,
            method=study.method,
            reduce=summary,
            folder=folder,
            workers=study.workers,
            executor=ThreadPoolExecutor(2) if study.engine == "threads" else None,
        )
        seconds = time.perf_counter() - started
        mean = float(np.mean([value["E"] for value in many.values()]))
    table = many.table()
    scale = 2**20 if sys.platform == "darwin" else 2**10
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / scale
    return {
        "seconds": seconds,
        "fit_seconds": float(table["seconds"].median()),
        "nuts": int((table["method"] == "nuts").sum()),
        "converged": int(table["converged"].sum()),
        "failed": len(many.failures),
        "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale,
        "worker_mib": children if study.workers > 1 else 0.0,
        "cpu": sum(
            sum(resource.getrusage(who)[:2])
            for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        ),
        "mean_E": mean,
    }


def measure_memory() -> dict[str, Any]:
    """Memory of this process after each of eight laws, sampled one after the other."""
    import bayescale as bs

    runs = bs.datasets.load("tiny")
    found = []
    for law in LAWS:
        bs.fit(law, runs, progress=False)
        scale = 2**20 if sys.platform == "darwin" else 2**10
        found.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale)
    return {"laws": list(LAWS), "mib": found}


def child(what: str) -> dict[str, Any]:
    """Run one measurement in a fresh process."""
    done = subprocess.run(
        [sys.executable, str(Path(__file__).resolve()), "--measure", what],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{what} failed:\n{done.stderr[-3000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def speed() -> ModuleType:
    """``benchmarks/speed/run.py``, for its peers."""
    path = HERE.parent / "speed" / "run.py"
    spec = importlib.util.spec_from_file_location("speed_run", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def measure(out: Path, parts: list[str]) -> None:
    """Measure what is asked for, writing each report at once."""
    out.mkdir(parents=True, exist_ok=True)

    def keep(kind: str, report: dict[str, Any]) -> None:
        line = {"kind": kind, "load": os.getloadavg()[0], **report}
        with (out / "raw.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        print(line, flush=True)

    if "fill" in parts:
        for runs in (240, 48):
            for method in ("nuts", "quick"):
                child(json.dumps(Study(2, runs, method, 1)))
    for study in STUDIES:
        if f"{study.fits}-{study.runs}-{study.method}" in parts:
            keep("study", {**study._asdict(), **child(json.dumps(study))})
    if "memory" in parts:
        keep("memory", child("memory"))
    if "peers" in parts:
        measure_peers(keep)


def measure_peers(keep: Any) -> None:
    """A few fits by each peer, at both sizes."""
    bench = speed()
    for runs in (240, 48):
        with tempfile.TemporaryDirectory() as folder:
            problem = Path(folder) / "problem.npz"
            bench.write_problem(problem)
            if runs < 240:
                arrays = dict(np.load(problem))
                some = np.linspace(0, 239, runs).astype(int)
                np.savez(problem, **{name: v[..., some] for name, v in arrays.items()})
            for tool in PEERS:
                script, _, _ = bench.TOOLS[tool]
                if bench.missing(tool):
                    print(f"{tool} is skipped: {', '.join(bench.missing(tool))} not installed.")
                    continue
                env = bench.environment(Path(folder) / "cache")
                found = bench.child(script, [str(problem), "--warm", str(PEER_FITS)], env)
                keep(
                    "peer",
                    {
                        "tool": tool,
                        "runs": runs,
                        "first": found["cold"],
                        "next": float(np.median(found["warm"])),
                        "ess": float(np.median(found["warm_ess"])),
                        "versions": found["versions"],
                    },
                )


def write_table(out: Path) -> None:
    """Write ``table.md`` from the last report of each kind."""
    lines = [json.loads(line) for line in (out / "raw.jsonl").read_text().splitlines()]
    studies = {tuple(line[k] for k in Study._fields): line for line in lines if "fits" in line}
    peers = {(line["tool"], line["runs"]): line for line in lines if line["kind"] == "peer"}
    memory = [line for line in lines if line["kind"] == "memory"]
    loads = [line["load"] for line in lines]
    rows = []
    for (fits, runs, method, workers, engine), line in studies.items():
        one = studies.get((fits, runs, method, 1, "processes"))
        efficiency = ""
        if workers > 1 and one:
            efficiency = f"{one['seconds'] / line['seconds'] / workers:.0%}"
        rows.append(
            [
                f"{fits} x {method}, {runs} runs",
                f"{workers} {engine}" if workers > 1 else "1",
                f"{line['seconds']:.1f}",
                f"{line['seconds'] / fits:.3f}",
                f"{fits / line['seconds']:.1f}",
                efficiency,
                line["nuts"],
                f"{line['converged']}/{fits}",
                f"{line['mib']:.0f}",
                f"{line['worker_mib']:.0f}" if workers > 1 and engine == "processes" else "",
                f"{line['cpu'] / fits:.3f}" if "cpu" in line else "",
                f"{line['load']:.1f}",
            ]
        )
    text = [
        "# Many fits",
        "",
        "Written by `benchmarks/many/run.py`. Data sets simulated from the published Chinchilla "
        "fit at 240 points and at 48 of them, Student-t noise; the law `chinchilla`, 7 parameters, "
        "4 x 1000 draws each, float64. Times are from the call of `fit_many` to its result, "
        "with the start of workers, tracing, and storing every fit (reduced to posterior means) in "
        "a folder; compile cache filled.",
        f"Machine: {common.machine()}. "
        f"{common.in_words(common.versions('bayescale', 'jax', 'numpyro', 'loky', 'numpy'))}.",
        f"Load average at the end of each measurement: {min(loads):.1f} to {max(loads):.1f}, of "
        "which this benchmark makes 1 to 2. What shows more was measured beside other work; its "
        "wall times are too long.",
        "",
        "Workers: 1 is the process itself, 2 are processes or threads beside it. NUTS runs its "
        "chains in threads, so that one worker uses both cores there. Efficiency: time of one "
        "worker over twice the time of two. By NUTS: fits that the quick check sent there.",
        "",
        common.markdown(
            (
                *("study", "workers", "s in all", "s a fit", "fits a second", "efficiency"),
                *(
                    "by NUTS",
                    "converged",
                    "peak MiB",
                    "peak MiB of a worker",
                    "CPU s a fit",
                    "load",
                ),
            ),
            rows,
        ),
        *peer_table(peers),
        "## Targets",
        "",
        common.markdown(("what", "measured", "target", ""), targets(studies)),
    ]
    if memory:
        last = memory[-1]
        text += [
            "## Memory over many laws",
            "",
            "Peak memory of one process that samples eight laws one after the other (`tiny`, 45 "
            "runs), MiB after each; a process keeps the compiled programs that it used last.",
            "",
            common.markdown(
                ("law", "peak MiB"),
                [[law, f"{mib:.0f}"] for law, mib in zip(last["laws"], last["mib"], strict=True)],
            ),
        ]
    (HERE / "table.md").write_text("\n".join(text), encoding="utf-8")


def peer_table(peers: dict[Any, dict[str, Any]]) -> list[str]:
    """A few fits of each peer, and what many would take."""
    if not peers:
        return []
    return [
        "## The same loop with others",
        "",
        f"First fit of a process with an empty compile cache, then the median of {PEER_FITS} more; "
        "64 and 1000 are *extrapolated*: first + (n - 1) x next. One process; PyMC's and nutpie's "
        "chains run in threads.",
        "",
        common.markdown(
            ("tool", "runs", "first, s", "next, s", "ESS", "64 fits, s", "1000 fits, s", "load"),
            [
                [
                    tool,
                    runs,
                    f"{line['first']:.1f}",
                    f"{line['next']:.2f}",
                    f"{line['ess']:.0f}",
                    f"{line['first'] + 63 * line['next']:.0f}",
                    f"{line['first'] + 999 * line['next']:.0f}",
                    f"{line['load']:.1f}",
                ]
                for (tool, runs), line in peers.items()
            ],
        ),
    ]


def targets(studies: dict[Any, dict[str, Any]]) -> list[list[str]]:
    """What was asked of many fits."""
    asked = [
        ("64 NUTS refits, 240 runs, each", (64, 240, "nuts"), 64 * 0.5, 64),
        ("64 NUTS refits, 48 runs, each", (64, 48, "nuts"), 64 * 0.5, 64),
        ("1000 quick refits, 240 runs", (1000, 240, "quick"), 60.0, 1),
        ("1000 quick refits, 48 runs", (1000, 48, "quick"), 60.0, 1),
    ]
    rows = []
    for what, key, most, each in asked:
        for workers in (1, 2):
            line = studies.get((*key, workers, "processes"))
            if line:
                rows.append(
                    [
                        f"{what}, {workers} worker{'s' if workers > 1 else ''}",
                        f"{line['seconds'] / each:.2f} s",
                        f"under {most / each:g} s",
                        "met" if line["seconds"] < most else "NOT met",
                    ]
                )
    return rows


def main() -> None:
    names = list(dict.fromkeys(f"{s.fits}-{s.runs}-{s.method}" for s in STUDIES))
    parts = ["fill", *names, "memory", "peers"]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="+", default=parts, choices=parts)
    parser.add_argument("--out", type=Path, default=HERE / "results", help="raw figures")
    parser.add_argument("--table-only", action="store_true", help="rewrite the table, run nothing")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure == "memory":
        print(json.dumps(measure_memory()))
    elif options.measure:
        print(json.dumps(measure_study(Study(*json.loads(options.measure)))))
    else:
        if not options.table_only:
            measure(options.out, options.parts)
        write_table(options.out)


if __name__ == "__main__":
    main()
