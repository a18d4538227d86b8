"""Scaling laws: terms that compose, and the named laws built from them."""

from bayescale.laws.annealed import Annealed, Momentum, MultiPower, Response
from bayescale.laws.balanced import Balanced
from bayescale.laws.batch_adjusted import BatchAdjusted
from bayescale.laws.breaks import Breaks
from bayescale.laws.coupled import Coupled
from bayescale.laws.curve import Frontier
from bayescale.laws.density import Density
from bayescale.laws.effective import Effective, Exhaustible, Repeated
from bayescale.laws.from_chance import FromChance
from bayescale.laws.growth import Growth
from bayescale.laws.hyperbola import Hyperbola
from bayescale.laws.irreducible import Irreducible
from bayescale.laws.law import Law, Preset
from bayescale.laws.overfitting import Overfitting
from bayescale.laws.overtraining import OverTraining
from bayescale.laws.per_ratio import PerRatio
from bayescale.laws.power import Power
from bayescale.laws.registry import PROCESSES, get, names, parse, register
from bayescale.laws.shape import Shape
from bayescale.laws.shifted import Shifted
from bayescale.laws.term import Modifier, Pair, Parameter, Saturating, Term
from bayescale.laws.valley import Valley

__all__ = [
    "PROCESSES",
    "Annealed",
    "Balanced",
    "BatchAdjusted",
    "Breaks",
    "Coupled",
    "Density",
    "Effective",
    "Exhaustible",
    "FromChance",
    "Frontier",
    "Growth",
    "Hyperbola",
    "Irreducible",
    "Law",
    "Modifier",
    "Momentum",
    "MultiPower",
    "OverTraining",
    "Overfitting",
    "Pair",
    "Parameter",
    "PerRatio",
    "Power",
    "Preset",
    "Repeated",
    "Response",
    "Saturating",
    "Shape",
    "Shifted",
    "Term",
    "Valley",
    "get",
    "names",
    "parse",
    "register",
]
