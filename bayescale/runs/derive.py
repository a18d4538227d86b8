"""Columns that follow from others: C = 6ND, D = BS, M = D/N, epochs = D/U."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from bayescale.flops import flops_6nd

__all__ = ["FORMULAS", "derive"]

FORMULAS: Mapping[str, str] = MappingProxyType(
    {
        "B*S": "batch tokens times steps",
        "C/(6*N)": "compute over six times parameters",
        "C/(6*D)": "compute over six times tokens",
        "M*N": "tokens per parameter times parameters",
        "6*N*D": "six times parameters times tokens",
        "D/N": "tokens over parameters",
        "D/U": "tokens over unique tokens",
        "sum of lr": "the learning rate of a run's rows, added up over its steps",
    }
)
"""How a column can be derived, as written in ``Runs.mapping``."""


def derive(
    given: Mapping[str, npt.NDArray[np.float64]], taken: Collection[str] = ()
) -> dict[str, tuple[npt.NDArray[np.float64], str]]:
    """Return the columns that follow from those given.

    Parameters
    ----------
    given : mapping of str to array
        The canonical columns of the table; cells may be missing.
    taken : collection of str
        Names of other columns, which a derived column does not replace.

    Returns
    -------
    dict of str to (array, str)
        Derived columns with the formula used.
    """
    known = dict(given)
    found: dict[str, tuple[npt.NDArray[np.float64], str]] = {}

    def add(symbol: str, values: npt.NDArray[np.float64], formula: str) -> None:
        known[symbol] = values
        found[symbol] = (values, formula)

    with np.errstate(all="ignore"):
        if "D" not in known and {"B", "S"} <= known.keys():
            add("D", known["B"] * known["S"], "B*S")
        if "D" not in known and {"C", "N"} <= known.keys():
            add("D", known["C"] / (6.0 * known["N"]), "C/(6*N)")
        if "D" not in known and {"M", "N"} <= known.keys():
            add("D", known["M"] * known["N"], "M*N")
        if "N" not in known and {"C", "D"} <= known.keys():
            add("N", known["C"] / (6.0 * known["D"]), "C/(6*D)")
        if {"N", "D"} <= known.keys():
            if "C" not in known:
                add("C", flops_6nd(known["N"], known["D"]), "6*N*D")
            if "M" not in known:
                add("M", known["D"] / known["N"], "D/N")
        if {"D", "U"} <= known.keys() and "epochs" not in taken:
            add("epochs", known["D"] / known["U"], "D/U")
    return found
