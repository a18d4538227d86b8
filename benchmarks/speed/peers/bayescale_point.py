"""bayescale's point estimate alone: seconds of fits of new data in one process."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
from measure import read

import bayescale as bs


def main() -> None:
    seconds = []
    for problem in read(Path(sys.argv[1])):
        runs = bs.read_runs(
            {
                "N": np.exp(problem.log_n + np.log(8.5e8)),
                "D": np.exp(problem.log_d + np.log(1.69e10)),
                "loss": np.exp(problem.log_loss),
            }
        )
        started = time.perf_counter()
        bs.point_fit("chinchilla", runs)
        seconds.append(time.perf_counter() - started)
    print(json.dumps({"first": seconds[0], "warm": seconds[1:]}))


if __name__ == "__main__":
    main()
