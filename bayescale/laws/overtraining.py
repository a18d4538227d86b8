"""The sub-scaling modifier: a term grows by up to a factor 1 + rho as training goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp

from bayescale.laws.term import Parameter, Saturating, Values, fixed_number, plain_words
from bayescale.prior import HalfNormal, LogNormal

__all__ = ["OverTraining"]

RATES = {"N": LogNormal(0.001, 1.5), "D": LogNormal(0.008, 1.5)}


@dataclass(frozen=True)
class OverTraining(Saturating):
    r"""The factor :math:`1 + \rho\tanh(k\,M/2)` of the over-training ratio :math:`M = D/N`.

    The paper writes :math:`R = 1 + \sigma(kM)`, which is the same curve:
    :math:`1 + \sigma(x) = \tfrac32\,[1 + \tfrac13\tanh(x/2)]`, so its law is this factor with
    :math:`\rho = 1/3` and amplitudes larger by one half. :math:`\rho = 0` is no modifier.

    Parameters
    ----------
    input : str
        Input of the term that is modified; names the rate ``k_<input>``.
    strength : str or float, default "rho"
        Name of the strength, shared by all modifiers of the same name; or its fixed value (the
        paper's is 1/3).
    rate : str, optional
        Name of the rate.

    References
    ----------
    .. [1] Chen et al. 2025, arXiv 2507.10613, the sub-optimal scaling law.
    """

    input: str
    strength: str | float = "rho"
    rate: str = ""

    def __post_init__(self) -> None:
        if not self.rate:
            object.__setattr__(self, "rate", f"k_{self.input}")
        plain_words("an overtraining modifier", input=self.input, rate=self.rate)
        if isinstance(self.strength, float | int):
            fixed_number("an overtraining modifier", "strength", self.strength, zero_allowed=True)
        else:
            plain_words("an overtraining modifier", strength=self.strength)

    @property
    def inputs(self) -> tuple[str, ...]:
        return ("N", "D")

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        rate = Parameter(
            self.rate,
            "rate",
            "parameters/token",
            f"rate of over-training in the {self.input} term; half effect at D/N = 1.1/k",
            RATES.get(self.input, LogNormal(0.005, 1.5)),
        )
        if not isinstance(self.strength, str):
            return (rate,)
        meaning = "sub-scaling strength: largest growth of a term by over-training"
        return (Parameter(self.strength, "strength", "1", meaning, HalfNormal(0.5)), rate)

    def log_lever(self, x: Values) -> Any:
        return x["D"] - x["N"]

    def rise(self, z: Any) -> Any:
        return jnp.tanh(0.5 * z)

    @property
    def expression(self) -> str:
        strength = f'"{self.strength}"' if isinstance(self.strength, str) else repr(self.strength)
        options = [f"strength={strength}"] if self.strength != "rho" else []
        if self.rate != f"k_{self.input}":
            options.append(f'rate="{self.rate}"')
        return f"overtraining({', '.join((self.input, *options))})"
