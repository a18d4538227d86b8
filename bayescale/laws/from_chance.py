"""A power law that starts at the loss of guessing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from bayescale.laws.implicit import root
from bayescale.laws.term import Pair, Parameter, Term, Values, fixed_number, log_sum, plain_words
from bayescale.prior import HalfNormal, LogNormal

__all__ = ["FromChance"]

STEPS = 25
"""Newton steps; the last ones are exact to rounding for alpha above 1e-6."""


@dataclass(frozen=True)
class FromChance(Term):
    r"""The curve :math:`\frac{L - E}{(L_0 - L)^\alpha} = A\,x^{-c}`, between a floor and chance.

    With :math:`u = (L - E)/(L_0 - E)`, a share, the equation is

    .. math:: \ln u - \alpha\ln(1 - u) = \ln u_0 - \alpha\ln(1 - u_0) - c\,(\ln x - \ln x_0)

    whose left side rises in the logit of u, concave for :math:`\alpha \le 1` and convex above: it
    is solved for the logit by Newton steps that approach from one side.

    Sampled are the floor, the contribution T above it at the reference, c, alpha, and the headroom
    H from the loss at the reference up to chance; :math:`L_0 = E + T + H` is derived. Where chance
    is known, ``chance`` fixes :math:`L_0`; then T is the contribution before saturation,
    :math:`u_0 = T/(L_0 - E + T)`, so that no value of it lies above chance.

    Parameters
    ----------
    input : str
        Symbol of the input.
    chance : float, optional
        The loss of guessing, such as ln V for a vocabulary of V words, in the unit of the loss.

    References
    ----------
    .. [1] Alabdulmohsin et al. 2022, arXiv 2209.06640, form M4.
    """

    input: str
    chance: float | None = None

    def __post_init__(self) -> None:
        plain_words("a from_chance term", input=self.input)
        if self.chance is not None:
            fixed_number("a from_chance term", "chance", self.chance)

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.input,)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        x = self.input
        found = (
            Parameter("E", "floor", "loss", "irreducible loss"),
            Parameter(f"T_{x}", "contribution", "loss", f"contribution of {x} at the reference"),
            Parameter("c", "exponent", "1", f"exponent of {x}, far from chance"),
            Parameter(
                "alpha",
                "strength",
                "1",
                "how soon the loss leaves chance; 0 is a power law with a floor",
                HalfNormal(1.0),
            ),
        )
        if self.chance is not None:
            return found
        headroom = "from the loss at the reference up to chance"
        prior = LogNormal(1.0, 1.0, relative=True)
        return (*found, Parameter("H", "shape", "loss", headroom, prior))

    @property
    def derived(self) -> tuple[Parameter, ...]:
        known = self.chance is not None
        return () if known else (Parameter("L_0", "shape", "loss", "loss of guessing"),)

    @property
    def pairs(self) -> tuple[Pair, ...]:
        return (Pair(self.input, f"T_{self.input}", "c"),)

    @property
    def floor(self) -> str | None:
        return "E"

    def _range(self, floor: Any) -> Any:
        """From a floor up to a chance that is known, kept above zero."""
        assert self.chance is not None
        return jnp.maximum(self.chance - floor, 1e-9 * self.chance)

    def _logs(self, params: Values) -> tuple[Any, Any, Any]:
        """Logs of the range from floor to chance, and of the shares below and above the loss."""
        rise = params[f"T_{self.input}"]
        rest = params["H"] if self.chance is None else self._range(params["E"])
        log_all = jnp.log(rise + rest)
        log_range = log_all if self.chance is None else jnp.log(rest)
        return log_range, jnp.log(rise) - log_all, jnp.log(rest) - log_all

    def log_value(self, params: Values, x: Values, reference: Values) -> Any:
        log_range, below, above = self._logs(params)
        distance = x[self.input] - reference[self.input]
        target = below - params["alpha"] * above - params["c"] * distance
        share = jax.nn.log_sigmoid(_logit(target, params["alpha"]))
        return log_sum([jnp.log(params["E"]), log_range + share])

    def to_field(self, params: Values, reference: Values, log_gain: Any = 0.0) -> dict[str, Any]:
        log_range, below, above = self._logs(params)
        c, alpha = params["c"], params["alpha"]
        log_amplitude = below - alpha * above + (1.0 - alpha) * (log_range + log_gain)
        found = {
            "E": params["E"] * jnp.exp(log_gain),
            "A": jnp.exp(log_amplitude + c * reference[self.input]),
            "c": c,
            "alpha": alpha,
        }
        if self.chance is None:
            found["L_0"] = found["E"] + jnp.exp(log_range + log_gain)
        return found

    def from_field(self, field: Values, reference: Values, log_gain: Any = 0.0) -> dict[str, Any]:
        gain = jnp.exp(-log_gain)
        floor, c, alpha = field["E"] * gain, field["c"], field["alpha"]
        size = field["L_0"] * gain - floor if self.chance is None else self._range(floor)
        log_range = jnp.log(size)
        target = jnp.log(field["A"]) - c * reference[self.input]
        target = target - (1.0 - alpha) * (log_range + log_gain)
        logit = _logit(target, alpha)
        share = jax.nn.log_sigmoid(logit)
        found = {"E": floor, "c": c, "alpha": alpha}
        if self.chance is not None:
            return {**found, f"T_{self.input}": jnp.exp(log_range + logit)}
        return {
            **found,
            f"T_{self.input}": jnp.exp(log_range + share),
            "H": jnp.exp(log_range + jax.nn.log_sigmoid(-logit)),
        }

    @property
    def expression(self) -> str:
        options = "" if self.chance is None else f", chance={self.chance!r}"
        return f"from_chance({self.input}{options})"


def _logit(target: Any, alpha: Any) -> Any:
    """The logit y of a share u with ln u - alpha ln(1 - u) at the target."""
    target, alpha = jnp.broadcast_arrays(jnp.asarray(target, float), jnp.asarray(alpha, float))
    # The left side less its value at large |y|: a lower bound of the root where it is concave,
    # an upper bound where it is convex.
    start = jnp.where(target < 0.0, target, target / jnp.maximum(alpha, 1e-3))

    def residual(y: Any) -> Any:
        return alpha * jax.nn.softplus(y) - jax.nn.softplus(-y) - target

    return root(residual, start, STEPS)
