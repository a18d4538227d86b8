"""The trade of steps against batch size at one target loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp

from bayescale.laws.term import Parameter, Term, Values, plain_words
from bayescale.prior import LogNormal

__all__ = ["Hyperbola"]


@dataclass(frozen=True)
class Hyperbola(Term):
    r"""The steps :math:`S = S_{\min}\,(1 + B_{\rm crit}/B)` to a target loss.

    With E = BS tokens or samples it is
    :math:`(S/S_{\min} - 1)(E/E_{\min} - 1) = 1`, where :math:`E_{\min} = B_{\rm crit} S_{\min}`.
    Sampled are the steps at the reference batch size and :math:`B_{\rm crit}`.

    Parameters
    ----------
    input : str, default "B"
        Symbol of the batch size.

    References
    ----------
    .. [1] McCandlish et al. 2018, arXiv 1812.06162, eq. 2.11.
    .. [2] Kaplan et al. 2020, arXiv 2001.08361, eq. 5.1.
    """

    input: str = "B"

    def __post_init__(self) -> None:
        plain_words("a hyperbola term", input=self.input)

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.input,)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        critical = "critical batch size: twice the least steps and twice the least tokens"
        return (
            Parameter("T_B", "contribution", "loss", "steps at the reference batch size"),
            Parameter("B_crit", "rate", "tokens", critical, LogNormal(1e6, 1.5)),
        )

    @property
    def derived(self) -> tuple[Parameter, ...]:
        return (Parameter("S_min", "shape", "loss", "least steps, at a batch without end"),)

    def _log_slowing(self, params: Values, x: Values) -> Any:
        return jnp.logaddexp(0.0, jnp.log(params["B_crit"]) - x[self.input])

    def log_value(self, params: Values, x: Values, reference: Values) -> Any:
        change = self._log_slowing(params, x) - self._log_slowing(params, reference)
        return jnp.log(params["T_B"]) + change

    def to_field(self, params: Values, reference: Values, log_gain: Any = 0.0) -> dict[str, Any]:
        log_least = jnp.log(params["T_B"]) + log_gain - self._log_slowing(params, reference)
        return {"S_min": jnp.exp(log_least), "B_crit": params["B_crit"]}

    def from_field(self, field: Values, reference: Values, log_gain: Any = 0.0) -> dict[str, Any]:
        log_steps = jnp.log(field["S_min"]) - log_gain + self._log_slowing(field, reference)
        return {"T_B": jnp.exp(log_steps), "B_crit": field["B_crit"]}

    @property
    def expression(self) -> str:
        return "hyperbola" if self.input == "B" else f"hyperbola({self.input})"
