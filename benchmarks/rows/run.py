"""Rows: what a fit costs as its table grows from 1e2 rows to 1e6.

Simulated curves: runs of one size each with checkpoints spaced evenly in the logarithm of their
tokens, the published Chinchilla fit with Student-t noise (nu 4), written to CSV. Every table is
read and fitted in a fresh process with the compile cache filled, so that its peak memory is its
own. NUTS is run up to ``--nuts-up-to`` rows and, above, taken from the measured gradient as
``bs.fit`` does. Raw figures go to ``OUT/raw.jsonl`` as they come; ``--table-only`` rewrites the
table and the picture from the last of each.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import common

HERE = Path(__file__).resolve().parent
ROWS = (100, 1_000, 10_000, 100_000, 1_000_000)
DEVICES = (1, 2)
GIB = 2**30


def write_table(path: Path, rows: int) -> int:
    """Curves of about as many checkpoints as there are runs; returns the number of rows."""
    import pandas as pd

    rng = np.random.default_rng(0)
    n_runs = int(np.sqrt(rows))
    points = rows // n_runs
    size = np.exp(rng.uniform(np.log(1e7), np.log(1e10), n_runs)).round()
    ratio = np.exp(rng.uniform(np.log(5.0), np.log(100.0), n_runs))
    tokens = ((size * ratio)[:, None] * np.geomspace(0.02, 1.0, points)).round()
    law = 1.8169 + 482.01 * size[:, None] ** -0.3478 + 2085.43 * tokens**-0.3658
    loss = law * np.exp(0.0045 * rng.standard_t(4.0, tokens.shape))
    table = {
        "run": np.repeat([f"run-{i:04d}" for i in range(n_runs)], points),
        "n_params": np.repeat(size, points).astype(np.int64),
        "d_tokens": tokens.ravel().astype(np.int64),
        "loss": loss.ravel(),
    }
    pd.DataFrame(table).to_csv(path, index=False)
    return int(tokens.size)


def peak() -> float:
    """Peak memory of this process, in GiB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / GIB


def one_table(path: str, nuts: bool) -> dict[str, Any]:
    """Everything about one table, in this process."""
    warnings.simplefilter("ignore")
    import bayescale as bs
    from bayescale.fitting import build_model
    from bayescale.inference import cost, evaluate, point
    from bayescale.inference.nuts import Settings
    from bayescale.inference.rows import arranged

    report: dict[str, Any] = {}

    def timed(name: str, call: Callable[[], Any]) -> Any:
        started = time.perf_counter()
        result = call()
        report[name] = time.perf_counter() - started
        return result

    runs = timed("read", lambda: bs.read_runs(path))
    report["memory_read"] = peak()
    timed("first_fit", lambda: bs.fit("chinchilla", runs, method="laplace", progress=False))
    fit = timed("laplace", lambda: bs.fit("chinchilla", runs, method="laplace", progress=False))
    report |= {"pareto_k": fit.diagnosis.pareto_k, "converged": fit.diagnosis.converged}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "fit.nc"
        timed("save", lambda: fit.save(place))
        report["file"] = place.stat().st_size / 1e6
        timed("load", lambda: bs.load(place))
    report["memory"] = peak()

    model = build_model("chinchilla")
    data = arranged(model.data(runs))
    optima = point.optimise(model, data)
    found = cost.measure(model.signature, data, optima.u[0], Settings())
    report |= {"gradient": found.gradient, "nuts_expected": found.nuts}
    if not nuts and not report["converged"]:
        raise RuntimeError(f"The fit of {path} failed its check: {fit.diagnosis.text()}")
    draws = np.tile(optima.u[0], (2 * evaluate.BLOCK if len(runs) < 20_000 else 400, 1))
    evaluate.evaluate(model.signature, draws[:1], data)
    timed("values", lambda: evaluate.evaluate(model.signature, draws, data))
    report["value"] = report.pop("values") / len(draws)
    if nuts:
        bs.fit("chinchilla", runs, method="nuts", draws=100, warmup=100, progress=False)
        fit = timed("nuts", lambda: bs.fit("chinchilla", runs, method="nuts", progress=False))
        report["ess"] = fit.diagnosis.ess_bulk_min
        report["memory_nuts"] = peak()
    return report


def devices_gradient(path: str) -> dict[str, Any]:
    """The gradient over all devices of this process, which its parent chose."""
    warnings.simplefilter("ignore")
    import jax

    import bayescale as bs
    from bayescale.fitting import build_model
    from bayescale.inference import cost
    from bayescale.inference.nuts import Settings

    model = build_model("chinchilla")
    data = model.data(bs.read_runs(path))
    found = cost.measure(model.signature, data, np.zeros(7), Settings(chains=1, warmup=100))
    return {"devices": len(jax.devices()), "gradient": found.gradient}


def child(path: Path, task: str, devices: int = 0) -> dict[str, Any]:
    """Run this script on one table in a fresh process."""
    env = dict(os.environ)
    if devices:
        flag = f"--xla_force_host_platform_device_count={devices}"
        env["XLA_FLAGS"] = f"{env.get('XLA_FLAGS', '')} {flag}".strip()
    done = subprocess.run(
        [sys.executable, __file__, "--child", task, str(path)],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{task} on {path.name} failed:\n{done.stderr[-2000:]}")
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report


def measure(out: Path, sizes: list[int], nuts_up_to: int, devices: bool) -> None:
    """Measure each table, writing each report at once."""
    out.mkdir(parents=True, exist_ok=True)

    def keep(kind: str, rows: int, report: dict[str, Any]) -> None:
        line = {"kind": kind, "rows": rows, "load_average": os.getloadavg()[0], **report}
        line["machine"] = common.machine()
        with (out / "raw.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        print({k: round(v, 4) if isinstance(v, float) else v for k, v in line.items()}, flush=True)

    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            path = Path(folder) / f"{size}.csv"
            rows = write_table(path, size)
            if not devices:
                task = "nuts" if size <= nuts_up_to else "laplace"
                keep("table", rows, child(path, task))
                continue
            for count in DEVICES:
                keep("devices", rows, child(path, "devices", count))


def latest(out: Path, kind: str) -> list[dict[str, Any]]:
    """The last report of each table, and of each number of devices, by rows."""
    lines = [json.loads(line) for line in (out / "raw.jsonl").read_text("utf-8").splitlines()]
    found = {(r["rows"], r.get("devices", 0)): r for r in lines if r["kind"] == kind}
    return [found[key] for key in sorted(found)]


def seconds(value: float) -> str:
    return f"{value:.2g}" if value < 10 else f"{value:.0f}"


def nuts_seconds(report: dict[str, Any]) -> str:
    """Measured where it was run; in brackets, what the gradient lets expect."""
    if "nuts" in report:
        return seconds(report["nuts"])
    return f"({seconds(report['nuts_expected'])})"


def slope(reports: list[dict[str, Any]], key: str) -> float:
    """Growth of the logarithm of a figure with that of the rows, over the last three tables."""
    last, before = reports[-1], reports[max(-3, -len(reports))]
    return float(np.log(last[key] / before[key]) / np.log(last["rows"] / before["rows"]))


def write_out(out: Path) -> None:
    """Table and picture."""
    reports = latest(out, "table")
    header = (
        *("rows", "read CSV, s", "gradient, ms", "ns per row", "log density, ms a draw"),
        *("Laplace + PSIS, s", "Pareto k", "NUTS, s", "save / load, s", "file, MB"),
        "peak memory, GiB",
    )
    body = [
        (
            f"{r['rows']:,}",
            seconds(r["read"]),
            f"{1000 * r['gradient']:.3g}",
            f"{1e9 * r['gradient'] / r['rows']:.0f}",
            f"{1000 * r['value']:.3g}",
            seconds(r["laplace"]),
            f"{r['pareto_k']:.2f}",
            nuts_seconds(r),
            f"{seconds(r['save'])} / {seconds(r['load'])}",
            f"{r['file']:.3g}",
            f"{r['memory']:.2f}",
        )
        for r in reports
    ]
    with_devices = latest(out, "devices")
    parallel = [
        (f"{r['rows']:,}", r["devices"], f"{1000 * r['gradient']:.3g}") for r in with_devices
    ]
    used = common.in_words(common.versions("bayescale", "jax", "numpyro"))
    load = ", ".join(f"{r['load_average']:.1f}" for r in (*reports, *with_devices))
    text = [
        "# What a fit costs as its table grows\n",
        "Written by `python benchmarks/rows/run.py`. Simulated curves of sqrt(rows) runs with "
        "sqrt(rows) checkpoints each, law `chinchilla`, Student-t noise, 7 parameters, float64.\n",
        f"Machine: {reports[-1]['machine']}. {used}. Load average at each measurement: {load}; "
        "above the number of cores, others were computing and the seconds are too long.\n",
        common.markdown(header, body),
        "A gradient is one of the log posterior, in one thread. Laplace + PSIS is a fit with its "
        "4000 weighed draws, programs compiled; NUTS is 4 chains of 1300 draws, in brackets where "
        "it was not run: 8 gradients a draw, chains side by side on the processors. Peak memory is "
        "that of the process that reads the CSV, fits twice by Laplace + PSIS, saves and loads.\n",
        f"From {reports[max(-3, -len(reports))]['rows']:,} rows on the gradient grows as "
        f"rows^{slope(reports, 'gradient'):.2f} and the log density of a draw as "
        f"rows^{slope(reports, 'value'):.2f}.\n",
    ]
    if parallel:
        text += [
            "The same gradient with the rows sharded over devices of the host "
            "(`--xla_force_host_platform_device_count`):\n",
            common.markdown(("rows", "devices", "gradient, ms"), parallel),
        ]
    text.append("No GPU was at hand; nothing was measured on one.\n\n![Cost](rows.png)\n")
    (HERE / "table.md").write_text("\n".join(text), encoding="utf-8")
    draw(reports)


def draw(reports: list[dict[str, Any]]) -> None:
    """Seconds and memory against rows, on logarithmic axes."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    rows = np.array([r["rows"] for r in reports])
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for key, label in (
        ("laplace", "Laplace + PSIS, a fit"),
        ("read", "reading the CSV"),
        ("gradient", "a gradient"),
        ("value", "a log density, many at once"),
    ):
        left.loglog(rows, [r[key] for r in reports], "o-", label=label)
    run = [r for r in reports if "nuts" in r]
    expected = [r for r in reports if "nuts" not in r]
    (line,) = left.loglog(
        [r["rows"] for r in run], [r["nuts"] for r in run], "s-", label="NUTS, a fit"
    )
    if expected:
        left.loglog(
            *zip(*((r["rows"], r["nuts_expected"]) for r in expected), strict=True),
            "s",
            mfc="none",
            color=line.get_color(),
            label="NUTS, expected",
        )
    end = reports[-1]
    left.loglog(
        rows, end["gradient"] * rows / end["rows"], color="0.7", lw=1, ls="--", label="linear"
    )
    left.set(xlabel="rows", ylabel="seconds")
    left.legend(fontsize=7, frameon=False, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    right.loglog(rows, [r["memory"] for r in reports], "o-", label="read, fit, save, load")
    right.loglog(rows, [r["memory_read"] for r in reports], "o-", label="after reading")
    right.axhline(4.0 * 1e9 / GIB, color="0.7", lw=1, ls="--", label="4 GB")
    right.set(xlabel="rows", ylabel="peak memory, GiB")
    right.set_ylim(0.1, 6.0)
    right.legend(fontsize=7, frameon=False, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    figure.savefig(HERE / "rows.png", dpi=130)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=float, nargs="+", default=list(ROWS))
    parser.add_argument("--nuts-up-to", type=float, default=100_000)
    parser.add_argument("--devices", action="store_true", help="the sharded gradient alone")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    parser.add_argument("--table-only", action="store_true")
    parser.add_argument("--child", nargs=2, metavar=("TASK", "CSV"))
    options = parser.parse_args()
    if options.child:
        task, path = options.child
        report = devices_gradient(path) if task == "devices" else one_table(path, task == "nuts")
        print(json.dumps(report))
        return
    if not options.table_only:
        sizes = [int(n) for n in options.rows]
        measure(options.out, sizes, int(options.nuts_up_to), options.devices)
    write_out(options.out)


if __name__ == "__main__":
    main()
