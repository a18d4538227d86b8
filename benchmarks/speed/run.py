"""Speed: bayescale beside NumPyro, PyMC with nutpie and blackjax on one canonical problem.

240 Chinchilla points (or their stand-in), L = E + A/N^alpha + B/D^beta with Student-t noise on log
loss, seven parameters under bayescale's default priors, 4 chains of 1000 draws in float64. Every
tool has its own script in ``peers/`` and runs in fresh processes, all tools in turn, so that what
else the machine does meets them alike. Raw figures go to ``OUT/raw.jsonl`` as they come;
``--table-only`` rewrites the table from them.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import common

HERE = Path(__file__).resolve().parent
REFITS = 64
AGREE = 0.1
"""Posterior means of E, alpha and beta must agree to this many posterior sd."""

TOOLS: dict[str, tuple[str, tuple[str, ...], int]] = {
    "bayescale": ("bayescale_fit.py", ("bayescale",), REFITS),
    "NumPyro": ("numpyro_mcmc.py", ("numpyro",), 3),
    "PyMC + nutpie": ("pymc_nutpie.py", ("pymc", "nutpie"), 3),
    "blackjax": ("blackjax_nuts.py", ("blackjax",), 3),
}
"""Script, packages that it needs, fits after the first in a process with the cache filled."""

OWN = "bayescale"
LAPLACE = "bayescale, laplace"


def write_problem(path: Path) -> str:
    """The runs, then simulated losses of the same design for the fits of new data."""
    points = common.chinchilla_points().kept()
    law = 1.8169 + 482.01 * points.N**-0.3478 + 2085.43 * points.D**-0.3658
    rng = np.random.default_rng(1)
    noise = 0.0045 * rng.standard_t(4.0, (REFITS, len(law)))
    np.savez(path, N=points.N, D=points.D, loss=np.vstack([points.loss, law * np.exp(noise)]))
    return points.source


def environment(cache: Path, method: str = "nuts") -> dict[str, str]:
    """Every tool's compile cache in one folder; JAX keeps even what compiles at once."""
    return {
        **{k: v for k, v in os.environ.items() if not k.startswith(("JAX_", "BAYESCALE_"))},
        "BENCH_METHOD": method,
        "BAYESCALE_CACHE_DIR": str(cache / "bayescale"),
        "PYTENSOR_FLAGS": f"base_compiledir={cache / 'pytensor'}",
        "NUMBA_CACHE_DIR": str(cache / "numba"),
        "PYTHONWARNINGS": "ignore",
        "BENCH_JAX_CACHE": str(cache / "jax"),
    }


def child(script: str, arguments: Sequence[str], env: dict[str, str]) -> dict[str, Any]:
    """Run a script in a fresh process; its report, with the seconds to the first answer."""
    if script != TOOLS[OWN][0]:
        env = {
            **env,
            "JAX_COMPILATION_CACHE_DIR": env["BENCH_JAX_CACHE"],
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        }
    started = time.time()
    done = subprocess.run(
        [sys.executable, str(HERE / "peers" / script), *arguments],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{script} failed:\n{done.stderr[-2000:]}")
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    if "answered_at" in report:
        report["cold"] = report["answered_at"] - started
    return report


def seconds_of(command: Sequence[str], env: dict[str, str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, env=env, capture_output=True, check=True)
    return time.perf_counter() - started


def measure(out: Path, repeats: int, tools: Sequence[str]) -> None:
    """Measure everything ``repeats`` times, writing each report at once."""
    out.mkdir(parents=True, exist_ok=True)
    raw = out / "raw.jsonl"

    def keep(tool: str, state: str, report: dict[str, Any]) -> None:
        line = {"tool": tool, "state": state, "load": os.getloadavg()[0], **report}
        with raw.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        short = {k: report[k] for k in ("cold", "ess") if k in report}
        if report.get("warm"):
            short["warm"] = float(np.median(report["warm"]))
        print(tool, state, short, f"load {line['load']:.1f}", flush=True)

    problem = out / "problem.npz"
    source = write_problem(problem)
    keep("problem", "", {"source": source})
    for tool in tools:
        if missing(tool):
            print(f"{tool} is skipped: {', '.join(missing(tool))} is not installed.")
    for _ in range(repeats):
        for tool in (*tools, *([LAPLACE] if OWN in tools else [])):
            if missing(tool):
                continue
            script, _, warm = TOOLS[OWN if tool == LAPLACE else tool]
            with tempfile.TemporaryDirectory() as cache:
                env = environment(Path(cache), "laplace" if tool == LAPLACE else "nuts")
                warm_arguments = [str(problem), "--warm", str(warm), "--rebuilt", "2"]
                keep(tool, "empty", child(script, [str(problem)], env))
                keep(tool, "filled", child(script, warm_arguments, env))
        if OWN not in tools:
            continue
        with tempfile.TemporaryDirectory() as cache:
            env = environment(Path(cache))
            keep("point", "", child("bayescale_point.py", [str(problem)], env))
        command = str(Path(sys.executable).with_name("bayescale"))
        for _ in range(10):
            keep("help", "", {"seconds": seconds_of([command, "--help"], env)})
        for name, code in (("import", "import bayescale"), ("python", "pass")):
            for _ in range(5):
                keep(name, "", {"seconds": seconds_of([sys.executable, "-c", code], env)})


def missing(tool: str) -> list[str]:
    """Packages that a tool needs and that are not installed."""
    packages = TOOLS[OWN if tool == LAPLACE else tool][1]
    return [name for name in packages if importlib.util.find_spec(name) is None]


class Figures:
    """The raw reports, by tool and state of the cache."""

    def __init__(self, raw: Path) -> None:
        self.lines = [json.loads(line) for line in raw.read_text(encoding="utf-8").splitlines()]

    def reports(self, tool: str, state: str = "") -> list[dict[str, Any]]:
        return [r for r in self.lines if r["tool"] == tool and r["state"] == state]

    def all(self, tool: str, key: str, state: str = "") -> list[float]:
        """One figure of every report; lists, such as warm fits, by their median."""
        values = [r[key] for r in self.reports(tool, state) if key in r]
        return [float(np.median(v)) for v in values if not isinstance(v, list) or v]

    def median(self, tool: str, key: str, state: str = "") -> float:
        found = self.all(tool, key, state)
        return float(np.median(found)) if found else float("nan")

    def rate(self, tool: str) -> list[float]:
        """Least bulk ESS per second of the fits after the first, one figure for each process."""
        return [
            float(np.median(np.divide(r["warm_ess"], r["warm"])))
            for r in self.reports(tool, "filled")
            if r.get("warm")
        ]


def spread(values: Sequence[float], digits: int = 3) -> str:
    """Median and range."""
    if not values:
        return "-"
    low, mid, high = min(values), float(np.median(values)), max(values)
    return f"{mid:.{digits}g} ({low:.{digits}g} to {high:.{digits}g})"


def write_table(out: Path) -> None:
    """Write ``table.md`` from the raw reports."""
    figures = Figures(out / "raw.jsonl")
    tools = [tool for tool in TOOLS if figures.reports(tool, "filled")]
    peers = [tool for tool in tools if tool != OWN]
    rows = [
        [
            tool,
            spread(figures.all(tool, "cold", "empty")),
            spread(figures.all(tool, "cold", "filled")),
            spread(figures.all(tool, "warm", "filled")),
            spread(figures.all(tool, "rebuilt", "filled")),
            f"{figures.median(tool, 'warm_cpu', 'filled'):.3g}",
            f"{figures.median(tool, 'warm_ess', 'filled'):.0f}",
            spread(figures.rate(tool)),
            f"{figures.median(tool, 'cpu', 'empty'):.3g}",
            f"{figures.median(tool, 'peak_mib', 'empty'):.0f}",
            agreement(figures, tool),
        ]
        for tool in tools
    ]
    loads = [r["load"] for r in figures.lines]
    found: dict[str, str] = {}
    for tool in tools:
        found |= figures.reports(tool, "filled")[0]["versions"]
    skipped = [f"{tool} (not installed or not measured)" for tool in TOOLS if tool not in tools]
    quiet = "quiet" if max(loads) < 2.5 else "not quiet: other work ran beside these measurements"
    text = [
        "# Speed",
        "",
        "Written by `benchmarks/speed/run.py`. Median and range over "
        f"{len(figures.reports(OWN, 'empty'))} fresh processes each; all tools in turn.",
        f"Problem: {figures.reports('problem')[-1]['source']}; L = E + A/N^alpha + B/D^beta, "
        "Student-t noise on log loss, 7 parameters, the same priors, 4 chains x 1000 draws, "
        "float64.",
        f"Machine: {common.machine()}. {common.in_words(found)}.",
        f"The machine was {quiet}: load average {np.median(loads):.1f} (median), "
        f"{min(loads):.1f} to {max(loads):.1f}, of which this benchmark itself makes 1 to 2.",
        *([f"Skipped: {', '.join(skipped)}."] if skipped else []),
        "",
        "## Side by side",
        "",
        "Cold: from the start of the process to the first answer, with an empty and with a filled "
        "compile cache. Second fit: new data of the same shape in the same process (median of "
        f"{REFITS} fits for bayescale, of 3 for the others); bayescale's includes point fit, "
        "Laplace, verdict and retry, if any. The peers' scripts keep their compiled program, "
        "which takes some care to write; rebuilt: a fit that builds model and program anew, as "
        "their documentation shows it, with the compile cache filled (bayescale has no such case: "
        "it keeps its programs by itself). ESS: least bulk ESS over the parameters, by ArviZ, "
        "of those fits. Agreement: largest difference of the posterior means of E, alpha and beta "
        f"from bayescale's, in posterior sd (at most {AGREE} is asked).",
        "",
        common.markdown(
            (
                "tool",
                "cold, empty cache, s",
                "cold, filled cache, s",
                "second fit, s",
                "rebuilt, s",
                "second fit, CPU s",
                "ESS",
                "ESS per warm s",
                "cold, CPU s",
                "peak RSS, MiB",
                "agreement",
            ),
            rows,
        ),
    ]
    if peers and OWN in tools:
        text += ["## Targets", "", targets(figures, peers), *own(figures)]
    (HERE / "table.md").write_text("\n".join(text), encoding="utf-8")


def agreement(figures: Figures, tool: str) -> str:
    """Largest difference of the posterior means from bayescale's, in posterior sd."""
    if tool == OWN or not figures.reports(OWN, "empty"):
        return ""
    mine, theirs = (figures.reports(name, "empty")[0] for name in (OWN, tool))
    worst = max(
        abs(mine["means"][p] - theirs["means"][p]) / mine["sds"][p] for p in ("E", "alpha", "beta")
    )
    return f"{worst:.2f}" + ("" if worst <= AGREE else " (!)")


def targets(figures: Figures, peers: Sequence[str]) -> str:
    """Ratios to the best peer, each with its target."""

    def best(key: str, state: str) -> tuple[float, str]:
        return min((figures.median(peer, key, state), peer) for peer in peers)

    warm, warm_peer = best("warm", "filled")
    rebuilt, rebuilt_peer = best("rebuilt", "filled")
    cold, cold_peer = best("cold", "empty")
    cached, cached_peer = best("cold", "filled")
    rate, rate_peer = max((float(np.median(figures.rate(p))), p) for p in peers)
    own_warm = figures.median(OWN, "warm", "filled")
    own_cold = figures.median(OWN, "cold", "empty")
    own_cached = figures.median(OWN, "cold", "filled")
    own_rate = float(np.median(figures.rate(OWN)))
    least = figures.median(OWN, "warm_ess", "filled")
    theirs = figures.median(warm_peer, "warm_ess", "filled")
    laplace = figures.median(LAPLACE, "cold", "empty")
    quick = figures.median(LAPLACE, "warm", "filled")
    helped = figures.median("help", "seconds")

    def row(what: str, value: str, target: str, met: bool) -> list[str]:
        return [what, value, target, "met" if met else "NOT met"]

    return common.markdown(
        ("what", "measured", "target", ""),
        [
            row(
                f"second fit, times faster than the fastest peer ({warm_peer})",
                f"{warm / own_warm:.1f}x at ESS {least:.0f} against {theirs:.0f}",
                "at least 10x at no less ESS",
                warm / own_warm >= 10 and least >= theirs,
            ),
            row(
                f"the same, where peers build anew ({rebuilt_peer})",
                f"{rebuilt / own_warm:.1f}x",
                "at least 10x",
                rebuilt / own_warm >= 10,
            ),
            row(
                f"ESS per warm second, times the best peer's ({rate_peer})",
                f"{own_rate / rate:.1f}x",
                "at least 15x",
                own_rate / rate >= 15,
            ),
            row(
                f"cold, empty cache, share of the best peer's ({cold_peer})",
                f"{own_cold / cold:.2f}",
                "at most 0.50",
                own_cold / cold <= 0.5,
            ),
            row(
                f"cold, filled cache, share of the best peer's cold time ({cold_peer})",
                f"{own_cached / cold:.2f}",
                "at most 0.25",
                own_cached / cold <= 0.25,
            ),
            row(
                f"cold, filled cache, share of the best peer's with its own filled ({cached_peer})",
                f"{own_cached / cached:.2f}",
                "none set",
                own_cached / cached <= 1.0,
            ),
            row(
                "first checked Laplace answer, cold, empty cache",
                f"{laplace:.1f} s, NUTS {own_cold:.1f} s",
                "before NUTS answers",
                laplace < own_cold,
            ),
            row(
                f"{REFITS} NUTS refits in one process, each",
                f"{own_warm:.2f} s",
                "under 0.5 s",
                own_warm < 0.5,
            ),
            row(
                "quick (Laplace) refit, each",
                f"{quick:.3f} s",
                "under 0.06 s (1000 in a minute)",
                quick < 0.06,
            ),
            row("`bayescale --help`", f"{helped:.2f} s", "under 0.5 s", helped < 0.5),
        ],
    )


def own(figures: Figures) -> list[str]:
    """bayescale's other figures."""
    totals = {
        name: [float(np.sum(r["warm"])) for r in figures.reports(name, "filled")]
        for name in (OWN, LAPLACE)
    }
    slow = [
        f"{np.mean(np.asarray(r['warm']) > 2 * np.median(r['warm'])):.0%}"
        for r in figures.reports(OWN, "filled")
    ]
    rows = [
        ["Laplace, cold, empty cache, s", spread(figures.all(LAPLACE, "cold", "empty"))],
        ["Laplace, cold, filled cache, s", spread(figures.all(LAPLACE, "cold", "filled"))],
        ["Laplace, second fit, s", spread(figures.all(LAPLACE, "warm", "filled"))],
        [f"Laplace, {REFITS} refits in all, s", spread(totals[LAPLACE])],
        [f"NUTS, {REFITS} refits in all, s", spread(totals[OWN])],
        ["NUTS, refits that took twice the median", ", ".join(slow)],
        ["point fit, first (program compiled), s", spread(figures.all("point", "first"))],
        ["point fit, second, s", spread(figures.all("point", "warm"))],
        ["`bayescale --help`, s", spread(figures.all("help", "seconds"))],
        ['`python -c "import bayescale"`, s', spread(figures.all("import", "seconds"))],
        ['`python -c "pass"`, s', spread(figures.all("python", "seconds"))],
    ]
    return ["## bayescale alone", "", common.markdown(("what", "median (range)"), rows)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3, help="fresh processes of each kind")
    parser.add_argument("--tools", nargs="+", default=list(TOOLS), choices=list(TOOLS))
    parser.add_argument("--out", type=Path, default=HERE / "results", help="raw figures")
    parser.add_argument("--table-only", action="store_true", help="rewrite the table, run nothing")
    options = parser.parse_args()
    if not options.table_only:
        measure(options.out, options.repeats, options.tools)
    write_table(options.out)


if __name__ == "__main__":
    main()
