"""Eight laws on the Chinchilla points: evidence, leave-one-out, forward score.

    python benchmarks/evidence/chinchilla.py            # compute; resumable; then write the page
    python benchmarks/evidence/chinchilla.py --docs     # write the page alone

Under Student-t and Normal noise on log loss, without and with the five points that Besiroglu et al.
2024 leave out. The points are not part of this repository; see ``benchmarks/README.md``. Every
finished comparison is in ``results/`` before the next starts. ``chinchilla.csv`` has the table,
``chinchilla.json`` what was said of it; ``docs/comparing-chinchilla.md`` shows both.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import bayescale as bs

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]
from common import POINTS, ROOT, in_words, machine, markdown, versions, write_csv  # noqa: E402

from run import reference  # noqa: E402

THIRD = "strength=0.3333333333333333"
LAWS = {
    "kaplan": "kaplan",
    "kaplan_floor": "kaplan_floor",
    "chinchilla": "chinchilla",
    "skaling": "skaling",
    "subscaling D, rho 1/3": f"irreducible + power(N) + power(D)*overtraining(D, {THIRD})",
    "subscaling D, rho free": "irreducible + power(N) + power(D)*overtraining(D)",
    "subscaling N and D, rho 1/3": (
        f"irreducible + power(N)*overtraining(N, {THIRD}) + power(D)*overtraining(D, {THIRD})"
    ),
    "subscaling N and D, rho free": "subscaling",
}
NOISES = ("student_t", "normal")
SPLIT = "C > 2.8e20"
"""About the 30 % of largest compute; the same in every table."""

SETTINGS = [(points, noise) for points in (240, 245) for noise in NOISES]
FIGURES = ROOT / "docs" / "figures"
PAGE = ROOT / "docs" / "comparing-chinchilla.md"

COLUMNS = [
    "log_evidence", "log_evidence_se", "check", "check_se", "pareto_k", "log_bf", "probability",
    "elpd_loo", "elpd_loo_se", "elpd_loo_diff", "elpd_loo_diff_se", "khat_above", "refits",
    "elpd_forward", "elpd_forward_diff", "elpd_forward_diff_se", "rmsle_forward", "cover90_forward",
    "weight_loo", "weight_forward", "converged", "diagnosis_ok",
]  # fmt: skip


def compute(out: Path) -> None:
    """Compare under every setting that is not done yet."""
    if not POINTS.is_file():
        sys.exit(f"The Chinchilla points are not at {POINTS.name}; see benchmarks/README.md.")
    (out / "results").mkdir(exist_ok=True)
    for points, noise in SETTINGS:
        done = out / "results" / f"chinchilla-{points}-{noise}.json"
        if done.is_file():
            continue
        where = "outlier_epoch == 0" if points == 240 else "outlier_epoch >= 0"
        runs = bs.read_runs(POINTS, where=where, count="total")
        assert len(runs) == points
        cpu = time.process_time()
        found = bs.compare(LAWS, runs, noise=noise, forward_split=SPLIT, progress=False)
        document = {"text": found.text(), **found.to_json(), "cpu": time.process_time() - cpu}
        found.plot().savefig(FIGURES / f"comparing-{points}-{noise}.png", dpi=150)
        for name, law in document["laws"].items():
            long = reference(LAWS[name], runs, noise) if points == 240 else (None, None)
            law["reference"], law["reference_se"] = long
        done.write_text(json.dumps(document, indent=1) + "\n")
        print(points, noise, f"{found.seconds:.0f} s, {document['cpu']:.0f} s of CPU", flush=True)


def collect(out: Path) -> None:
    """One table, and one file of words, from the finished comparisons."""
    rows, words = [], {}
    names = [*COLUMNS, "reference", "reference_se"]
    for points, noise in SETTINGS:
        path = out / "results" / f"chinchilla-{points}-{noise}.json"
        found = json.loads(path.read_text())
        rows += [
            [points, noise, name, *("" if law[c] is None else law[c] for c in names)]
            for name, law in found["laws"].items()
        ]
        words[f"{points}, {noise}"] = {
            "text": found["text"].replace(str(POINTS), POINTS.name),
            "seconds": found["seconds"],
            "cpu": found["cpu"],
            "refusals": {name: law["refusals"] for name, law in found["laws"].items()},
            "messages": found["messages"],
            "sensitivity": found["sensitivity"],
        }
    write_csv(out / "chinchilla.csv", ["points", "noise", "law", *names], rows)
    words["computed"] = {"machine": machine(), **versions("bayescale", "jax", "numpyro")}
    (out / "chinchilla.json").write_text(json.dumps(words, indent=1) + "\n")


def shown(out: Path) -> str:
    """What the page shows of the results, in Markdown."""
    with (out / "chinchilla.csv").open() as file:
        rows = list(csv.DictReader(file))
    words = json.loads((out / "chinchilla.json").read_text())
    parts = [part for points, noise in SETTINGS for part in setting(points, noise, rows, words)]
    computed = dict(words["computed"])
    on = computed.pop("machine")
    seconds = sum(words[f"{p}, {n}"]["seconds"] for p, n in SETTINGS)
    cpu = sum(words[f"{p}, {n}"]["cpu"] for p, n in SETTINGS)
    parts.append(
        "In brackets standard errors; *long run* is the log evidence by 200,000 points of adaptive "
        "importance sampling that no chain enters, less the one reported; *to the best* the paired "
        "difference to the best law of the table; *inside* the share of the scored runs inside the "
        "90 % intervals of a new run, by the law and its noise alone. The forward score fits the "
        f"runs outside `{SPLIT}` and scores those in it. A dash: no such number (below). Computed "
        f"on {on}, shared with other work, in {seconds / 60:.0f} minutes ({cpu / 60:.0f} of CPU); "
        f"{in_words(computed)}."
    )
    return "\n\n".join(part.strip() for part in parts) + "\n"


def setting(
    points: int, noise: str, rows: list[dict[str, str]], words: dict[str, Any]
) -> list[str]:
    """Heading, table, picture, the program's own words."""
    own = [r for r in rows if r["points"] == str(points) and r["noise"] == noise]
    own.sort(key=lambda r: (r["log_evidence"] == "", -float(r["log_evidence"] or "nan")))
    header = ["law", "log evidence", "long run", "log BF", "probability", "LOO", "to the best",
              "forward", "to the best", "rms log error", "inside"]  # fmt: skip
    body = [
        [
            r["law"],
            number(r["log_evidence"], 2, r["log_evidence_se"], 3, empty="refused"),
            apart(r),
            number(r["log_bf"], 2),
            number(r["probability"], 3),
            number(r["elpd_loo"], 1),
            number(r["elpd_loo_diff"], 1, r["elpd_loo_diff_se"], 1),
            number(r["elpd_forward"], 1),
            number(r["elpd_forward_diff"], 1, r["elpd_forward_diff_se"], 1),
            number(r["rmsle_forward"], 4),
            number(r["cover90_forward"], 2),
        ]
        for r in own
    ]  # fmt: skip
    said = words[f"{points}, {noise}"]
    name = {"student_t": "Student-t", "normal": "Normal"}[noise]
    return [
        f"### {points} points, {name} noise",
        markdown(header, body),
        f"![{points} points, {name} noise](figures/comparing-{points}-{noise}.png)",
        "In the program's words:",
        "\n".join(f"> {line}\n>" for line in said["text"].splitlines()[1:]).removesuffix("\n>"),
    ]


def apart(row: dict[str, str]) -> str:
    """The long run's log evidence less the reported one, with the error of the difference."""
    if not (row["log_evidence"] and row["reference"]):
        return "-"
    error = (float(row["reference_se"]) ** 2 + float(row["log_evidence_se"]) ** 2) ** 0.5
    return f"{float(row['reference']) - float(row['log_evidence']):+.3f} ({error:.3f})"


def number(
    value: str, digits: int, error: str = "", error_digits: int = 1, empty: str = "-"
) -> str:
    """A number, with its error in brackets; a dash where there is none."""
    if value in ("", "nan"):
        return empty
    written = f"{float(value):.{digits}f}"
    return f"{written} ({float(error):.{error_digits}f})" if error not in ("", "nan") else written


def into_page(out: Path) -> None:
    """Replace the part of the page between its marks."""
    text = PAGE.read_text()
    begin, end = "<!-- chinchilla.py -->\n", "<!-- end -->"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.S)
    assert pattern.search(text), "the page has no place for the tables"
    PAGE.write_text(pattern.sub(lambda _: f"{begin}\n{shown(out)}\n{end}", text))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--docs", action="store_true", help="write the page alone")
    parser.add_argument("--out", type=Path, default=HERE)
    options = parser.parse_args()
    warnings.simplefilter("ignore", bs.BayescaleWarning)
    if not options.docs:
        compute(options.out)
        collect(options.out)
    into_page(options.out)
