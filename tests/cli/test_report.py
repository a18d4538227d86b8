"""``bayescale report``: one file, and nothing where the input is bad."""

from __future__ import annotations

QUICK = ("--draws", "200", "--warmup", "200", "--chains", "2")


def test_a_page(bayescale, runs, folder):
    done = bayescale("report", runs, "--laws", "chinchilla", *QUICK, "--out", "r.html")
    assert done.code in (0, 3) and done.new_files == {"r.html"}
    text = (folder / "r.html").read_text()
    assert "Compute-optimal allocation" in text and "runs.csv" in text


def test_bad_input(bayescale, runs):
    bayescale("report", "absent.csv", "--out", "r.html").refused("absent.csv")
    bayescale("report", runs, "--laws", "nonesuch", "--out", "r.html").refused("'nonesuch'")
    bayescale("report", runs, "--flops", "x", "--out", "r.html").refused("'x'")
