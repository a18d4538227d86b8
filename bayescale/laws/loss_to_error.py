r"""The exponential law of downstream error in the loss.

.. math:: \mathrm{Err}(L) = \epsilon - k\,e^{-\gamma L}

Source: Gadre et al. 2024, arXiv 2403.08540: the error (one minus the accuracy) averaged over tasks,
from the validation loss. Input: L, a loss in nats/token; the response is the error.
:math:`\epsilon` is the error as the loss grows: that of guessing, or below it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from bayescale.laws.law import Law, Preset
from bayescale.laws.term import Parameter, Term, Values, plain_words
from bayescale.prior import LogNormal, Uniform

__all__ = ["LAWS", "Approach", "loss_to_error"]

LEAST = 1e-12
"""What an error of zero or below is held at, where a formula gives one."""


@dataclass(frozen=True)
class Approach(Term):
    r"""An error that falls from :math:`\epsilon` by an exponential of the loss.

    The values of the curve at three places are sampled, in coordinates that leave none of them to
    the others: T, the error at the reference; the headroom H from there up to :math:`\epsilon`; and
    :math:`\omega`, the error at the lowest loss of the runs as a share of T. With :math:`\Delta`
    the distance from the lowest loss to the reference,

    .. math:: \mathrm{Err}(L) = T + H\,\big(1 - e^{-\gamma(L - L_0)}\big), \qquad
              \gamma\Delta = \ln\Big(1 + \frac{T(1-\omega)}{H}\Big)

    so that the error is above zero at every run. Far below the runs the formula falls through zero;
    it is held there, and :meth:`undefined` says where.

    Parameters
    ----------
    input : str, default "L"
        Symbol of the loss.

    References
    ----------
    .. [1] Gadre et al. 2024, arXiv 2403.08540.
    """

    input: str = "L"

    def __post_init__(self) -> None:
        plain_words("an approach term", input=self.input)

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.input,)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        x = self.input
        return (
            Parameter(f"T_{x}", "contribution", "loss", "error at the reference"),
            Parameter(
                "H",
                "shape",
                "loss",
                "from the error at the reference up to eps",
                LogNormal(0.2, 1.0, relative=True),
            ),
            Parameter(
                "omega",
                "shape",
                "1",
                f"error at the lowest {x} of the runs, as a share of that at the reference",
                Uniform(0.0, 1.0),
            ),
        )

    @property
    def derived(self) -> tuple[Parameter, ...]:
        x = self.input
        return (
            Parameter("eps", "shape", "loss", f"error at a large {x}"),
            Parameter("k", "shape", "loss", "depth of the fall, carried to zero loss"),
            Parameter("gamma", "rate", f"1/{x}", "rate of the fall"),
        )

    @property
    def _fall(self) -> str:
        return f"fall of {self.input}"

    def reference_point(self, columns: Mapping[str, np.ndarray]) -> dict[str, float]:
        """How far the lowest input lies below the usual geometric mean, in its own unit."""
        x = np.asarray(columns[self.input], np.float64)
        return {self._fall: max(float(np.exp(np.mean(np.log(x))) - np.min(x)), 1e-6)}

    def _gamma(self, params: Values, reference: Values) -> Any:
        rise = params[f"T_{self.input}"] * (1.0 - params["omega"])
        return jnp.log1p(rise / params["H"]) / reference.get(self._fall, 1.0)

    def _value(self, params: Values, x: Values, reference: Values) -> Any:
        distance = jnp.exp(x[self.input]) - jnp.exp(reference[self.input])
        fall = -jnp.expm1(-self._gamma(params, reference) * distance)
        return params[f"T_{self.input}"] + params["H"] * fall

    def log_value(self, params: Values, x: Values, reference: Values) -> Any:
        return jnp.log(jnp.maximum(self._value(params, x, reference), LEAST))

    def undefined(self, params: Values, x: Values, reference: Values) -> Any:
        return self._value(params, x, reference) <= LEAST

    def to_field(self, params: Values, reference: Values, log_gain: Any = 0.0) -> dict[str, Any]:
        gain, gamma = jnp.exp(log_gain), self._gamma(params, reference)
        return {
            "eps": (params[f"T_{self.input}"] + params["H"]) * gain,
            "k": jnp.exp(jnp.log(params["H"]) + log_gain + gamma * jnp.exp(reference[self.input])),
            "gamma": gamma,
        }

    def from_field(self, field: Values, reference: Values, log_gain: Any = 0.0) -> dict[str, Any]:
        gain, gamma = jnp.exp(-log_gain), field["gamma"]
        headroom = field["k"] * gain * jnp.exp(-gamma * jnp.exp(reference[self.input]))
        level = field["eps"] * gain - headroom
        # The share omega from the same gamma; below zero only where the law has no value there.
        fall = headroom * jnp.expm1(gamma * reference.get(self._fall, 1.0))
        return {f"T_{self.input}": level, "H": headroom, "omega": 1.0 - fall / level}

    @property
    def expression(self) -> str:
        return f"approach({self.input})"


PRESET = Preset(
    values={"eps": 0.850, "k": 2.08, "gamma": 0.756},
    source=(
        "Gadre et al. 2024, arXiv 2403.08540, C4: average error of 17 tasks from the C4 validation "
        "loss; from a secondary source"
    ),
    count="total",
    input="L",
)


def loss_to_error() -> Law:
    """Downstream error from the loss, by an exponential."""
    return Law(
        name="loss_to_error",
        term=Approach(),
        title="downstream error as an exponential of the loss",
        formula="Err = eps - k exp(-gamma L)",
        source="Gadre et al. 2024, arXiv 2403.08540",
        notes=(
            "The response is an error, one minus the accuracy (--column loss=error), and L the "
            "loss that it follows (--column L=...). The formula falls through zero at a low loss: "
            "a forecast there says so. With a ceiling take --noise 'bounded(1)', and read eps as "
            "the prior's where all runs lie far below it or near it. A forecast takes L as exact: "
            "the uncertainty of a forecast of L itself is not carried into it."
        ),
        presets={"gadre2024_c4": PRESET},
    )


LAWS: Mapping[str, Callable[..., Law]] = {"loss_to_error": loss_to_error}
