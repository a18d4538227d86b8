r"""The law of single-input curves: a broken power law in what the frontier tells.

.. math:: L(x) = E + A\,x^{-\alpha}\,\Big(1 + (x/d_1)^{1/f_1}\Big)^{-c_1 f_1}

is the smoothly broken power law of one break [1]_. Curves that are to be continued are known best
at their frontier, so what is sampled is what the loss does there, and what is believed beforehand
is what other curves did there.

References
----------
.. [1] Caballero et al. 2022, arXiv 2210.14891, eq. 1, with one break.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bayescale.laws.law import Law
from bayescale.laws.term import Parameter, Term, Values, plain_words
from bayescale.prior import LogNormal, Normal

__all__ = ["LAWS", "Frontier", "curve"]


@dataclass(frozen=True)
class Frontier(Term):
    r"""A smoothly broken power law with a floor, by its behaviour at the frontier.

    With :math:`u = \ln(x/x_{\max})` over the runs, and the exponent after the break
    :math:`a = s + k`,

    .. math:: \ln L = \ln L_0 + \ln\Big(\frac{k}{s+k} + \frac{s}{s+k}\,e^{g(u) - g(0)}\Big), \quad
              g(u) = -a u - c_1 f_1 \ln\big(1 + e^{-(u - u_1)/f_1}\big) .

    Once the break is over, :math:`s` is the log-slope of the loss at the frontier and :math:`k` the
    rate at which the log-slope decays there per e-fold of :math:`x`: the share of the floor is
    :math:`k/(s+k)`. Any positive :math:`s` and :math:`k` make a curve. The place of the break is
    sampled as :math:`t_1 = u_1/\ln(x_{\max}/x_{\min})`: minus one is the first run, zero the last.

    Parameters
    ----------
    input : str
        Symbol of the input.
    """

    input: str

    def __post_init__(self) -> None:
        plain_words("a frontier term", input=self.input)

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.input,)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """With the priors that were learned from other curves; see ``docs/how-far.md``."""
        return (
            Parameter(
                "L0",
                "contribution",
                "loss",
                f"loss at the largest {self.input} of the runs",
                LogNormal(0.7, 0.8, relative=True),
            ),
            Parameter(
                "s", "shape", "1", "log-slope of the loss there", LogNormal(0.18, 1.2), learned=True
            ),
            Parameter(
                "k",
                "shape",
                "1",
                "decay of the log-slope there, per e-fold",
                LogNormal(0.47, 0.45),
                learned=True,
            ),
            Parameter(
                "c1",
                "shape",
                "1",
                "change of the exponent at the break; below zero, the curve decelerates",
                Normal(0.21, 0.54),
                positive=False,
                learned=True,
            ),
            Parameter(
                "t1",
                "shape",
                f"range of ln {self.input}",
                "place of the break: -1 at the first run, 0 at the last",
                Normal(-0.58, 0.23),
                positive=False,
                learned=True,
            ),
            Parameter(
                "f1", "shape", "e-folds", "width of the break", LogNormal(0.29, 0.58), learned=True
            ),
        )

    @property
    def _span(self) -> str:
        return f"{self.input} span"

    def reference_point(self, columns: Mapping[str, np.ndarray]) -> dict[str, float]:
        """The frontier, and the log range of the input."""
        x = np.log(columns[self.input])
        return {
            self.input: float(np.max(x)),
            self._span: max(float(np.ptp(x)), 1e-6),
        }

    def log_value(self, params: Values, x: Values, reference: Values) -> Any:
        u = x[self.input] - reference[self.input]
        s, k, c, f = (params[name] for name in ("s", "k", "c1", "f1"))
        at = params["t1"] * reference.get(self._span, 1.0)
        bend = jax.nn.softplus(-(u - at) / f) - jax.nn.softplus(at / f)
        fall = -(s + k) * u - c * f * bend
        log_s, log_k = jnp.log(s), jnp.log(k)
        whole = jnp.logaddexp(log_s, log_k)
        return jnp.log(params["L0"]) + jnp.logaddexp(log_k - whole, log_s - whole + fall)

    def to_field(self, params: Values, reference: Values, log_gain: Any = 0.0) -> dict[str, Any]:
        s, k, c, f = (params[name] for name in ("s", "k", "c1", "f1"))
        x0 = reference[self.input]
        at = params["t1"] * reference.get(self._span, 1.0)
        level = params["L0"] * jnp.exp(log_gain)
        alpha = s + k - c
        log_amplitude = jnp.log(level * s / (s + k)) + alpha * x0 + c * f * jax.nn.softplus(-at / f)
        return {
            "E": level * k / (s + k),
            "A": jnp.exp(log_amplitude),
            "alpha": alpha,
            "c1": c,
            "d1": jnp.exp(x0 + at),
            "f1": f,
        }

    def from_field(self, field: Values, reference: Values, log_gain: Any = 0.0) -> dict[str, Any]:
        c, f = field["c1"], field["f1"]
        x0 = reference[self.input]
        at = jnp.log(field["d1"]) - x0
        log_falling = jnp.log(field["A"]) - field["alpha"] * x0 - c * f * jax.nn.softplus(-at / f)
        level = field["E"] + jnp.exp(log_falling)
        share = field["E"] / level
        whole = field["alpha"] + c
        return {
            "L0": level * jnp.exp(-log_gain),
            "s": whole * (1.0 - share),
            "k": whole * share,
            "c1": c,
            "t1": at / reference.get(self._span, 1.0),
            "f1": f,
        }

    @property
    def expression(self) -> str:
        return f"frontier({self.input})"


def curve(input: str = "x") -> Law:
    """The law of single-input curves, with a Gaussian process beside it."""
    return Law(
        name=f"curve({input})",
        term=Frontier(input),
        title="curve in one input: broken power law and a Gaussian process",
        formula=f"L = E + A {input}^-alpha (1 + ({input}/d1)^(1/f1))^(-c1 f1)",
        source=(
            "Caballero et al. 2022, arXiv 2210.14891, eq. 1; priors learned from public learning "
            "curves (docs/how-far.md)"
        ),
        notes=(
            "Meant for continuing one curve, with noise of one scale and, by default, a Gaussian "
            "process in ln of the input that is sampled with the law. Do not read E or alpha as "
            "constants of nature: priors and process share the curve with them."
        ),
        noise="normal",
        noise_priors={"sigma": LogNormal(0.0125, 0.9)},
        discrepancy="matern",
    )


LAWS: Mapping[str, Callable[..., Law]] = {"curve": curve}
