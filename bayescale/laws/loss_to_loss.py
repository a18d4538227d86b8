r"""The loss-to-loss law: one loss of a model from another loss of the same model.

.. math:: L_2 = K\,(L_1 - E_1)^{\kappa} + E_2

Source: Brandfonbrener et al. 2024, arXiv 2411.12925: two models that were trained on two corpora
with one compute budget (train to train), or one model on two evaluation sets. Input: L, the loss
:math:`L_1`, in its own unit; the response is :math:`L_2`. :math:`\kappa = 1` is a straight line, of
which neither floor is identified. No preset: no constants could be checked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from bayescale.laws.law import Law
from bayescale.laws.term import Pair, Parameter, Term, Values, log_sum, plain_words
from bayescale.prior import LogitNormal, LogNormal

__all__ = ["LAWS", "Transferred", "loss_to_loss"]

LEAST = 1e-9
"""Least share of the input that is left above its floor: at it the law is its own floor."""


@dataclass(frozen=True)
class Transferred(Term):
    r"""A shifted power of another loss, above a floor of its own.

    With :math:`\ell = \ln L_1`, the reference :math:`L_{1,0}` and the lowest :math:`L_1` of the
    runs :math:`L_{1,\min}`, what is sampled is

    .. math:: L_2 = E_2 + T\,\Big(\frac{L_1 - E_1}{L_{1,0} - E_1}\Big)^{\kappa}, \qquad
              E_1 = \varphi_1 L_{1,\min}, \quad 0 < \varphi_1 < 1

    so that :math:`E_1` is below every loss of the runs. Beyond them, an input below :math:`E_1` has
    no counterpart; the law is held at :math:`E_2` there, and :meth:`undefined` says where.

    Parameters
    ----------
    input : str, default "L"
        Symbol of the other loss.

    References
    ----------
    .. [1] Brandfonbrener et al. 2024, arXiv 2411.12925.
    """

    input: str = "L"

    def __post_init__(self) -> None:
        plain_words("a transferred term", input=self.input)

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.input,)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        x = self.input
        return (
            Parameter("E_2", "floor", "loss", "irreducible part of the response"),
            Parameter(f"T_{x}", "contribution", "loss", f"contribution of {x} at the reference"),
            Parameter(
                "kappa", "exponent", "1", f"exponent of {x} above its floor", LogNormal(1.0, 0.3)
            ),
            Parameter(
                "phi_1",
                "shape",
                f"lowest {x} of the runs",
                f"floor of {x}, as a share of the lowest {x} of the runs",
                LogitNormal(0.4, 1.2),
            ),
        )

    @property
    def derived(self) -> tuple[Parameter, ...]:
        x = self.input
        return (
            Parameter("K", "shape", f"loss/{x}^kappa", "factor"),
            Parameter("E_1", "floor", x, f"floor of {x}"),
        )

    @property
    def pairs(self) -> tuple[Pair, ...]:
        return (Pair(self.input, f"T_{self.input}", "kappa"),)

    def steepness(self, params: Values, reference: Values) -> Any | None:
        excess = self._log_excess(reference[self.input], self._log_floor(params, reference))
        return reference[self.input] - excess

    @property
    def floor(self) -> str | None:
        return "E_2"

    @property
    def _lowest(self) -> str:
        return f"lowest {self.input}"

    def reference_point(self, columns: Mapping[str, np.ndarray]) -> dict[str, float]:
        """The lowest input beside the usual geometric mean."""
        return {self._lowest: float(np.log(np.min(columns[self.input])))}

    def _log_floor(self, params: Values, reference: Values) -> Any:
        lowest = reference.get(self._lowest, reference[self.input])
        return jnp.log(params["phi_1"]) + lowest

    def _log_excess(self, log_x: Any, log_floor: Any) -> Any:
        """Log of what an input has above its floor."""
        share = -jnp.expm1(log_floor - log_x)
        return log_x + jnp.log(jnp.maximum(share, LEAST))

    def log_value(self, params: Values, x: Values, reference: Values) -> Any:
        floor = self._log_floor(params, reference)
        distance = self._log_excess(x[self.input], floor)
        distance = distance - self._log_excess(reference[self.input], floor)
        falling = jnp.log(params[f"T_{self.input}"]) + params["kappa"] * distance
        return log_sum([jnp.log(params["E_2"]), falling])

    def undefined(self, params: Values, x: Values, reference: Values) -> Any:
        return x[self.input] <= self._log_floor(params, reference)

    def to_field(self, params: Values, reference: Values, log_gain: Any = 0.0) -> dict[str, Any]:
        floor = self._log_floor(params, reference)
        excess = self._log_excess(reference[self.input], floor)
        log_k = jnp.log(params[f"T_{self.input}"]) + log_gain - params["kappa"] * excess
        return {
            "E_2": params["E_2"] * jnp.exp(log_gain),
            "K": jnp.exp(log_k),
            "kappa": params["kappa"],
            "E_1": jnp.exp(floor),
        }

    def from_field(self, field: Values, reference: Values, log_gain: Any = 0.0) -> dict[str, Any]:
        lowest = reference.get(self._lowest, reference[self.input])
        excess = self._log_excess(reference[self.input], jnp.log(field["E_1"]))
        log_t = jnp.log(field["K"]) + field["kappa"] * excess - log_gain
        return {
            "E_2": field["E_2"] * jnp.exp(-log_gain),
            f"T_{self.input}": jnp.exp(log_t),
            "kappa": field["kappa"],
            "phi_1": field["E_1"] * jnp.exp(-lowest),
        }

    @property
    def expression(self) -> str:
        return f"transferred({self.input})"


def loss_to_loss() -> Law:
    """One loss from another."""
    return Law(
        name="loss_to_loss",
        term=Transferred(),
        title="one loss of a model from another loss",
        formula="L_2 = K (L - E_1)^kappa + E_2",
        source="Brandfonbrener et al. 2024, arXiv 2411.12925",
        notes=(
            "L is the other loss: name its column with --column L=..., the response with --column "
            "loss=.... E_1 and E_2 are told apart by curvature alone, and at kappa = 1 not at all: "
            "over a short range of L the prior writes them, and the fit says so. Where the error "
            "of L is known, say so with --noise 'inexact(L=0.005)'. No published constants are "
            "kept here: none could be checked."
        ),
    )


LAWS: Mapping[str, Callable[..., Law]] = {"loss_to_loss": loss_to_loss}
