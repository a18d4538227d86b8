"""Steps that a batch is worth: the critical batch size depends on the loss that is reached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp

from bayescale.errors import LawError
from bayescale.laws.implicit import root
from bayescale.laws.term import (
    Around,
    Parameter,
    Values,
    merged,
    plain_words,
    without_paths,
)
from bayescale.prior import LogNormal

__all__ = ["BatchAdjusted"]

STEPS = 12
"""Newton steps; the slope of the equation lies between one and a few, so that they are plenty."""


@dataclass(frozen=True)
class BatchAdjusted(Around):
    r"""A law of steps, taken at the steps that an infinite batch would need.

    .. math:: L = f(\dots, S_{\min}), \qquad S_{\min} = \frac{S}{1 + B_{\rm crit}(L)/B}, \qquad
              B_{\rm crit}(L) = B_*\,L^{-1/\alpha_B}

    The loss stands on both sides. In :math:`\ln L` the right side falls, and is convex where f is a
    sum of powers, so that Newton steps from the loss at :math:`B_{\rm crit} = 0` rise to the one
    root. Sampled is :math:`B_{\rm crit}` at the reference loss, in the unit of B, in place of
    :math:`B_*`, its value at a loss of one. :math:`B_{\rm crit} \to 0` is f itself.

    Parameters
    ----------
    term : Term
        The law f, with the steps among its inputs.
    steps, batch : str
        Symbols of the steps and of the batch size.

    References
    ----------
    .. [1] Kaplan et al. 2020, arXiv 2001.08361, eqs. 1.4 and 5.1 to 5.4.
    .. [2] McCandlish et al. 2018, arXiv 1812.06162.
    """

    steps: str = "S"
    batch: str = "B"

    def __post_init__(self) -> None:
        without_paths("A batch_adjusted term", self.term)
        plain_words("a batch_adjusted term", steps=self.steps, batch=self.batch)
        if self.steps not in self.term.inputs:
            raise LawError(
                f"The batch-adjusted term {self.term.expression} has no steps {self.steps!r} among "
                f"its inputs. Add a term such as power({self.steps})."
            )

    @property
    def inputs(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.term.inputs, self.batch)))

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        critical = "critical batch size at the reference loss: twice the least steps and tokens"
        exponent = "the critical batch size falls as the loss to the power -1/alpha_B"
        own = (
            Parameter("B_crit", "rate", "tokens", critical, LogNormal(1e6, 1.5)),
            Parameter("alpha_B", "shape", "1", exponent, LogNormal(0.21, 0.35)),
        )
        return merged((self.term.parameters, own))

    @property
    def derived(self) -> tuple[Parameter, ...]:
        star = "critical batch size at a loss of one, an extrapolation"
        return (*self.term.derived, Parameter("B_star", "rate", "tokens", star))

    def _slowed(self, x: Values, log_critical: Any) -> dict[str, Any]:
        """The inputs with the steps that the batch is worth."""
        slower = jnp.logaddexp(0.0, log_critical - x[self.batch])
        return {**x, self.steps: x[self.steps] - slower}

    def log_value(self, params: Values, x: Values, reference: Values) -> Any:
        log_critical = jnp.log(params["B_crit"])
        inner = self._slowed(reference, log_critical)
        log_l0 = self.term.log_value(params, inner, inner)

        def residual(log_loss: Any) -> Any:
            at = log_critical - (log_loss - log_l0) / params["alpha_B"]
            return log_loss - self.term.log_value(params, self._slowed(x, at), inner)

        start = self.term.log_value(params, x, inner)
        start = start + 0.0 * (x[self.batch] + params["B_crit"] + params["alpha_B"])
        return root(residual, start, STEPS)

    def to_field(self, params: Values, reference: Values, log_gain: Any = 0.0) -> dict[str, Any]:
        alpha, log_critical = params["alpha_B"], jnp.log(params["B_crit"])
        inner = self._slowed(reference, log_critical)
        log_l0 = self.term.log_value(params, inner, inner) + log_gain
        return {
            **self.term.to_field(params, inner, log_gain),
            "B_star": jnp.exp(log_critical + log_l0 / alpha),
            "alpha_B": alpha,
        }

    def from_field(self, field: Values, reference: Values, log_gain: Any = 0.0) -> dict[str, Any]:
        alpha, log_star = field["alpha_B"], jnp.log(field["B_star"])

        def at(inner: Values) -> tuple[dict[str, Any], Any]:
            own = self.term.from_field(field, inner, log_gain)
            return own, self.term.log_value(own, inner, inner)

        def critical(log_loss: Any) -> Any:
            return log_star - (log_loss + log_gain) / alpha

        def residual(log_loss: Any) -> Any:
            return log_loss - at(self._slowed(reference, critical(log_loss)))[1]

        start = at(reference)[1] + 0.0 * (reference[self.batch] + field["B_star"] + alpha)
        log_critical = critical(root(residual, start, STEPS))
        own = at(self._slowed(reference, log_critical))[0]
        return {**own, "B_crit": jnp.exp(log_critical), "alpha_B": alpha}

    @property
    def expression(self) -> str:
        options = [
            f'{name}="{value}"'
            for name, default in (("steps", "S"), ("batch", "B"))
            if (value := getattr(self, name)) != default
        ]
        return f"batch_adjusted({', '.join((self.term.expression, *options))})"
