r"""The sigmoid law of downstream error in a task's loss: the second of two stages.

.. math:: \mathrm{Acc} = \frac{a}{1 + e^{-k(L - L_0)}} + b, \qquad a < 0

Source: Bhagia et al. 2024, arXiv 2412.04403: a first law takes N and D to the loss of the task
(bits per byte of the right answer; the law ``chinchilla``), a second, this one, that loss to the
accuracy.
Here it is the law of the error, one minus the accuracy, which rises with the loss:

.. math:: \mathrm{Err} = E + \frac{h}{1 + e^{-k(L - L_0)}}, \qquad E = 1 - b, \quad h = -a .

Input: L, the task's loss, in its own unit. No preset: no constants could be checked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bayescale.laws.law import Law
from bayescale.laws.term import Pair, Parameter, Term, Values, log_sum, plain_words
from bayescale.prior import LogitNormal, LogNormal

__all__ = ["LAWS", "Sigmoid", "loss_to_error_sigmoid"]


@dataclass(frozen=True)
class Sigmoid(Term):
    r"""A floor and a logistic rise in an input.

    With the reference :math:`L_r` and the range :math:`R` of the input over the runs, sampled are
    the floor E, the contribution T above it at the reference, the headroom H from there up to
    :math:`E + h`, and the steepness :math:`s = kR`:

    .. math:: \mathrm{Err} = E + (T + H)\,\sigma\Big(s\,\frac{L - L_r}{R} + \ln\frac{T}{H}\Big),
              \qquad h = T + H, \quad L_0 = L_r - \frac{1}{k}\ln\frac{T}{H} .

    Parameters
    ----------
    input : str, default "L"
        Symbol of the loss.

    References
    ----------
    .. [1] Bhagia et al. 2024, arXiv 2412.04403.
    """

    input: str = "L"

    def __post_init__(self) -> None:
        plain_words("a sigmoid term", input=self.input)

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.input,)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        x = self.input
        return (
            Parameter(
                "E", "floor", "loss", f"error at a low {x}", LogitNormal(-0.5, 1.5, relative=True)
            ),
            Parameter(f"T_{x}", "contribution", "loss", "error above the floor at the reference"),
            Parameter(
                "H",
                "shape",
                "loss",
                "from the error at the reference up to that of guessing",
                LogNormal(0.3, 1.0, relative=True),
            ),
            Parameter(
                "s", "shape", f"1/range of {x}", "steepness of the rise", LogNormal(4.0, 0.8)
            ),
        )

    @property
    def derived(self) -> tuple[Parameter, ...]:
        x = self.input
        return (
            Parameter("h", "shape", "loss", "rise of the error"),
            Parameter("k", "rate", f"1/{x}", "steepness of the rise"),
            Parameter("L_0", "shape", x, "midpoint of the rise", positive=False),
        )

    @property
    def floor(self) -> str | None:
        return "E"

    @property
    def pairs(self) -> tuple[Pair, ...]:
        return (Pair(self.input, f"T_{self.input}", "s"),)

    def saturated(self, params: Values, reference: Values) -> Any:
        """The slope at the reference is s T H / (T + H) over the range of the input."""
        log_h = jnp.log(params["H"])
        return log_h - jnp.logaddexp(log_h, jnp.log(params[f"T_{self.input}"]))

    @property
    def _span(self) -> str:
        return f"{self.input} range"

    def reference_point(self, columns: Mapping[str, np.ndarray]) -> dict[str, float]:
        """The range of the input, in its own unit, beside the usual geometric mean."""
        return {self._span: max(float(np.ptp(columns[self.input])), 1e-6)}

    def log_value(self, params: Values, x: Values, reference: Values) -> Any:
        place = jnp.exp(x[self.input]) - jnp.exp(reference[self.input])
        log_t, log_h = jnp.log(params[f"T_{self.input}"]), jnp.log(params["H"])
        rise = params["s"] * place / reference.get(self._span, 1.0) + log_t - log_h
        return log_sum([jnp.log(params["E"]), log_sum([log_t, log_h]) + jax.nn.log_sigmoid(rise)])

    def to_field(self, params: Values, reference: Values, log_gain: Any = 0.0) -> dict[str, Any]:
        gain, k = jnp.exp(log_gain), params["s"] / reference.get(self._span, 1.0)
        t, headroom = params[f"T_{self.input}"], params["H"]
        return {
            "E": params["E"] * gain,
            "h": (t + headroom) * gain,
            "k": k,
            "L_0": jnp.exp(reference[self.input]) - jnp.log(t / headroom) / k,
        }

    def from_field(self, field: Values, reference: Values, log_gain: Any = 0.0) -> dict[str, Any]:
        gain, rise = jnp.exp(-log_gain), jnp.exp(reference[self.input]) - field["L_0"]
        logit = field["k"] * rise
        return {
            "E": field["E"] * gain,
            f"T_{self.input}": field["h"] * gain * jnp.exp(jax.nn.log_sigmoid(logit)),
            "H": field["h"] * gain * jnp.exp(jax.nn.log_sigmoid(-logit)),
            "s": field["k"] * reference.get(self._span, 1.0),
        }

    @property
    def expression(self) -> str:
        return f"sigmoid({self.input})"


def loss_to_error_sigmoid() -> Law:
    """Downstream error from a task's loss, by a sigmoid."""
    return Law(
        name="loss_to_error_sigmoid",
        term=Sigmoid(),
        title="downstream error as a sigmoid of a task's loss",
        formula="Err = E + h / (1 + exp(-k (L - L_0)))",
        source="Bhagia et al. 2024, arXiv 2412.04403, the second stage",
        notes=(
            "The response is an error, one minus the accuracy (--column loss=error), and L the "
            "task's loss (--column L=...): Acc = b + a/(1 + exp(-k (L - L_0))) with E = 1 - b and "
            "h = -a. Runs on one side of the midpoint leave the other asymptote to the prior. A "
            "forecast takes L as exact: the uncertainty of the first stage, a fit of the task's "
            "loss in N and D, is not carried into it. No published constants are kept here: none "
            "could be checked."
        ),
    )


LAWS: Mapping[str, Callable[..., Law]] = {"loss_to_error_sigmoid": loss_to_error_sigmoid}
