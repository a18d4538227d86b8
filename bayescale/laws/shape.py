"""The shape modifier: too wide or too deep a model loses a little."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp

from bayescale.laws.term import Modifier, Parameter, Values, plain_words
from bayescale.prior import HalfNormal, LogNormal

__all__ = ["Shape"]


@dataclass(frozen=True)
class Shape(Modifier):
    r"""The factor :math:`e^{g}`, :math:`g = \tfrac12 c\,(\ln r - \ln r^*)^2`, of the aspect ratio.

    r is the width over the depth, d_model/n_layer, and :math:`r^*` the best; c = 0 is no effect of
    shape. Kaplan et al. find g within a few percent of the loss over a 40-fold range of r.

    Parameters
    ----------
    input : str, default "aspect"
        Symbol of the aspect ratio.

    References
    ----------
    .. [1] Kaplan et al. 2020, arXiv 2001.08361, section 3.1 and figure 5: the observation. The
       parabola in ln r is this package's.
    """

    input: str = "aspect"

    def __post_init__(self) -> None:
        plain_words("a shape modifier", input=self.input)

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.input,)

    @property
    def null(self) -> str | None:
        return "c_shape"

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        curve = "curvature of the log loss in the log aspect ratio"
        best = "aspect ratio of least loss"
        return (
            Parameter("c_shape", "strength", "1", curve, HalfNormal(0.05)),
            Parameter("r_star", "shape", "1", best, LogNormal(60.0, 1.0)),
        )

    def log_factor(self, params: Values, x: Values) -> Any:
        return 0.5 * params["c_shape"] * (x[self.input] - jnp.log(params["r_star"])) ** 2

    @property
    def expression(self) -> str:
        return "shape" if self.input == "aspect" else f"shape({self.input})"
