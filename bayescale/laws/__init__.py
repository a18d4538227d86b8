"""Scaling laws: terms that compose, and the named laws built from them."""

from bayescale.laws.coupled import Coupled
from bayescale.laws.curve import Frontier
from bayescale.laws.irreducible import Irreducible
from bayescale.laws.law import Law, Preset
from bayescale.laws.overtraining import OverTraining
from bayescale.laws.power import Power
from bayescale.laws.registry import get, names, parse, register
from bayescale.laws.term import Modifier, Pair, Parameter, Saturating, Term

__all__ = [
    "Coupled",
    "Frontier",
    "Irreducible",
    "Law",
    "Modifier",
    "OverTraining",
    "Pair",
    "Parameter",
    "Power",
    "Preset",
    "Saturating",
    "Term",
    "get",
    "names",
    "parse",
    "register",
]
