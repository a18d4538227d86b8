"""Default priors, by a parameter's role and the law around it.

They are stated, with their reasons, in ``docs/priors.md``. Amplitudes are in units of the reference
loss, so that one table serves every response scale, and the same roles have the same priors in
every law, so that evidence compares laws and not accidents of prior width.
"""

from __future__ import annotations

from bayescale.errors import LawError
from bayescale.laws.term import Parameter, Term
from bayescale.prior import HalfNormal, LogitNormal, LogNormal, Prior

__all__ = ["default_prior"]


def default_prior(parameter: Parameter, term: Term) -> Prior:
    """The prior of one parameter of a law, unless the parameter or the user gives another.

    Parameters
    ----------
    parameter : Parameter
        The parameter.
    term : Term
        The whole law's term: whether it has a floor, and how many contributions share the rest.
    """
    if parameter.prior is not None:
        return parameter.prior
    has_floor = term.floor is not None
    n_contributions = sum(p.role == "contribution" for p in term.parameters)
    match parameter.role:
        case "floor":
            return LogitNormal(0.4, 1.2, relative=True)
        case "contribution" if has_floor:
            return LogNormal(0.4 / n_contributions, 0.8, relative=True)
        case "contribution" if n_contributions == 1:
            return LogNormal(1.0, 0.3, relative=True)
        case "contribution":
            return LogNormal(1.0 / n_contributions, 0.5, relative=True)
        case "exponent":
            return LogNormal(0.3 if has_floor else 0.08, 0.5)
        case "coupling":
            return LogNormal(1.0, 0.5)
        case "strength":
            return HalfNormal(0.5)
        case "rate":
            return LogNormal(0.005, 1.5)
    raise LawError(
        f"The parameter {parameter.name!r} has the role {parameter.role!r} and no prior. Give it "
        "one where it is declared: only what every law shares has a default."
    )
