"""Eight laws on the Chinchilla points: evidence, leave-one-out, forward score.

    python benchmarks/evidence/chinchilla.py            # compute, write table.csv and the tables
    python benchmarks/evidence/chinchilla.py --docs     # put the tables into docs/comparing-laws.md

Under Student-t and Normal noise on log loss, without and with the five points that Besiroglu et al.
2024 leave out. The points are not part of this repository; see ``benchmarks/README.md``.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import sys
import warnings
from pathlib import Path

import bayescale as bs

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from common import POINTS, ROOT, in_words, machine, markdown, versions, write_csv  # noqa: E402

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

COLUMNS = [
    "log_evidence", "log_evidence_se", "check", "check_se", "pareto_k", "log_bf", "probability",
    "elpd_loo", "elpd_loo_se", "elpd_loo_diff", "elpd_loo_diff_se", "khat_above", "refits",
    "elpd_forward", "elpd_forward_diff", "elpd_forward_diff_se", "rmsle_forward", "cover90_forward",
    "weight_loo", "weight_forward", "diagnosis_ok",
]  # fmt: skip


def compute(out: Path) -> None:
    """Compare, and write what was found after every comparison."""
    if not POINTS.is_file():
        sys.exit(f"The Chinchilla points are not at {POINTS.name}; see benchmarks/README.md.")
    rows, notes = [], {}
    for points, where in ((240, "outlier_epoch == 0"), (245, "outlier_epoch >= 0")):
        runs = bs.read_runs(POINTS, where=where, count="total")
        assert len(runs) == points
        for noise in NOISES:
            found = bs.compare(LAWS, runs, noise=noise, forward_split=SPLIT)
            table = found.table()
            for law in LAWS:
                refused = " ".join(found[law].evidence.refusals)
                rows.append([points, noise, law, *(table.loc[law, c] for c in COLUMNS), refused])
            notes[f"{points}, {noise}"] = list(found.notes())
            print(found.text(), f"{found.seconds:.0f} s", flush=True)
            write_csv(out / "chinchilla.csv", ["points", "noise", "law", *COLUMNS, "refused"], rows)
            (out / "chinchilla-notes.json").write_text(json.dumps(notes, indent=1) + "\n")
    (out / "chinchilla.md").write_text(tables(out))


def tables(out: Path) -> str:
    """The tables in Markdown, from what was written."""
    with (out / "chinchilla.csv").open() as file:
        rows = list(csv.DictReader(file))
    parts = []
    for points in ("240", "245"):
        for noise in NOISES:
            own = [r for r in rows if r["points"] == points and r["noise"] == noise]
            own.sort(key=lambda r: (r["refused"] != "", -float(r["log_evidence"] or "nan")))
            body = [
                [
                    r["law"],
                    "refused \\*"
                    if r["refused"]
                    else number(r["log_evidence"], 2, r["log_evidence_se"], 3),
                    number(r["log_bf"], 2),
                    number(r["probability"], 3),
                    number(r["elpd_loo"], 1),
                    number(r["elpd_loo_diff"], 1, r["elpd_loo_diff_se"], 1),
                    number(r["elpd_forward"], 1),
                    number(r["elpd_forward_diff"], 1, r["elpd_forward_diff_se"], 1),
                    number(r["rmsle_forward"], 4),
                ]
                for r in own
            ]
            header = ["law", "log evidence", "log BF", "probability", "LOO", "to the best",
                      "forward", "to the best", "rms log error"]  # fmt: skip
            name = {"student_t": "Student-t", "normal": "Normal"}[noise]
            parts.append(f"{points} points, {name} noise:\n\n{markdown(header, body)}")
    starred = [r for r in rows if r["refused"]]
    if starred:
        parts.append(
            "\\* Evidence refused: no Bayes factor, and no probability for any law of that "
            "table. The reasons are in "
            "[`chinchilla-notes.json`](../benchmarks/evidence/chinchilla-notes.json)."
        )
    parts.append(
        "In brackets standard errors; *to the best* is the paired difference to the best law of "
        f"the table. The forward score fits the runs outside `{SPLIT}` and scores "
        "those in it; a dash where that fit has not converged. "
        f"Computed on {machine()}; {in_words(versions('bayescale', 'jax', 'numpyro'))}."
    )
    return "\n\n".join(part.strip() for part in parts) + "\n"


def number(value: str, digits: int, error: str = "", error_digits: int = 1) -> str:
    """A number, with its error in brackets; a dash where there is none."""
    if value in ("", "nan"):
        return "-"
    shown = f"{float(value):.{digits}f}"
    return f"{shown} ({float(error):.{error_digits}f})" if error not in ("", "nan") else shown


def into_docs(out: Path) -> None:
    """Replace the part of the page between its marks."""
    page = ROOT / "docs" / "comparing-laws.md"
    text = page.read_text()
    begin, end = "<!-- chinchilla.py -->\n", "<!-- end -->"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.S)
    assert pattern.search(text), "the page has no place for the tables"
    inner = (out / "chinchilla.md").read_text()
    page.write_text(pattern.sub(lambda _: f"{begin}\n{inner}\n{end}", text))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--docs", action="store_true", help="put the tables into the page alone")
    parser.add_argument("--out", type=Path, default=HERE)
    options = parser.parse_args()
    warnings.simplefilter("ignore", bs.BayescaleWarning)
    if options.docs:
        (options.out / "chinchilla.md").write_text(tables(options.out))
        into_docs(options.out)
    else:
        compute(options.out)
