"""The loss that a falling learning rate takes off: laws of a training curve and its schedule."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bayescale.errors import LawError
from bayescale.laws.term import Around, Parameter, Term, Values, merged
from bayescale.prior import LogNormal, Normal
from bayescale.runs.schedule import COLUMN, peak

__all__ = ["Annealed", "Momentum", "MultiPower", "Response"]

PEAK = "peak lr"
"""Key of the log of the highest learning rate of the runs in the reference point."""

EDGE = 0.99
"""The share of a law that a drop can take off it; see :class:`Annealed`."""


class Response(ABC):
    r"""How much of a fall of the learning rate has come to show, and what a whole fall takes off.

    Subclasses are frozen dataclasses. They state the law in units of the peak learning rate: the
    fall :math:`w_k = (\eta_{k-1} - \eta_k)/\eta_p`, the learning rate :math:`v_k = \eta_k/\eta_p`,
    the sum :math:`s_k = \sum_{\tau=k}^t \eta_\tau/\eta_p` since, and the age :math:`n_k = t-k+1`.
    """

    @property
    @abstractmethod
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters beside the drop, sampled."""

    @property
    @abstractmethod
    def derived(self) -> tuple[Parameter, ...]:
        """Field parameters that are not sampled, the amplitude first."""

    @abstractmethod
    def shown(self, params: Values, log_lr: Any, log_sum: Any, log_age: Any) -> Any:
        """The share of each fall that shows, from zero to one; arguments broadcast."""

    @abstractmethod
    def to_field(self, params: Values, drop: Any, log_peak: Any) -> dict[str, Any]:
        """Field parameters, from the drop and the log of the peak learning rate."""

    @abstractmethod
    def from_field(self, field: Values, log_peak: Any) -> tuple[Any, dict[str, Any]]:
        """The drop, and the sampled parameters: the inverse of :meth:`to_field`."""

    @property
    @abstractmethod
    def expression(self) -> str:
        """The response as text."""


@dataclass(frozen=True)
class MultiPower(Response):
    r"""The response of the multi-power law, :math:`G(x) = 1 - (Cx + 1)^{-\beta}` [1]_.

    .. math:: LD(t) = B\sum_{k\le t}(\eta_{k-1} - \eta_k)\,
              G\Big(\eta_k^{-\gamma}\sum_{\tau=k}^t\eta_\tau\Big)

    Sampled in place of :math:`B` and :math:`C` are the drop of a fall from the peak to zero,
    :math:`B\eta_p`, in the unit of the loss, and the steps :math:`h` at the peak learning rate
    after which nine tenths of a small fall show,

    .. math:: h = \frac{10^{1/\beta} - 1}{C\,\eta_p^{1-\gamma}} .

    Curves tell that place on the scale of hundreds of steps; :math:`C` and :math:`\beta` go along a
    ridge. As :math:`\beta` goes to zero :math:`C` grows without bound, faster than any number can
    hold, so the prior of :math:`\beta` leaves nothing there.

    References
    ----------
    .. [1] Luo et al. 2025, "A Multi-Power Law for Loss Curve Prediction Across Learning Rate
       Schedules", arXiv 2503.12811, and the authors' repository.
    """

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        steps = "steps at the peak learning rate after which nine tenths of a fall show"
        power = "power of the learning rate that divides the sum of it since the fall"
        return (
            Parameter("h", "shape", "step", steps, LogNormal(400.0, 1.5)),
            Parameter(
                "beta", "shape", "1", "exponent with which a fall shows", LogNormal(0.6, 0.35)
            ),
            Parameter("gamma", "shape", "1", power, Normal(0.6, 0.2)),
        )

    @property
    def derived(self) -> tuple[Parameter, ...]:
        return (
            Parameter("B", "strength", "loss/lr", "loss that a fall of one takes off in the end"),
            Parameter("C", "rate", "lr^(gamma-1)/step", "rate at which a fall shows"),
        )

    def _log_rate(self, params: Values) -> Any:
        """Log of C lr_peak^(1 - gamma)."""
        return _log_ninth(params["beta"]) - jnp.log(params["h"])

    def shown(self, params: Values, log_lr: Any, log_sum: Any, log_age: Any) -> Any:
        log_x = self._log_rate(params) - params["gamma"] * log_lr + log_sum
        return -jnp.expm1(-params["beta"] * jax.nn.softplus(log_x))

    def to_field(self, params: Values, drop: Any, log_peak: Any) -> dict[str, Any]:
        beta, gamma = params["beta"], params["gamma"]
        return {
            "B": drop * jnp.exp(-log_peak),
            "C": jnp.exp(self._log_rate(params) + (gamma - 1.0) * log_peak),
            "beta": beta,
            "gamma": gamma,
        }

    def from_field(self, field: Values, log_peak: Any) -> tuple[Any, dict[str, Any]]:
        gamma = field["gamma"]
        log_rate = jnp.log(field["C"]) + (1.0 - gamma) * log_peak
        steps = jnp.exp(_log_ninth(field["beta"]) - log_rate)
        own = {"h": steps, "beta": field["beta"], "gamma": gamma}
        return field["B"] * jnp.exp(log_peak), own

    @property
    def expression(self) -> str:
        return "multi_power"


def _log_ninth(beta: Any) -> Any:
    """Log of 10^(1/beta) - 1, the x at which 1 - (x + 1)^-beta is nine tenths."""
    power = math.log(10.0) / beta
    return power + jnp.log(-jnp.expm1(-power))


@dataclass(frozen=True)
class Momentum(Response):
    r"""The response of the annealing area, :math:`C S_2` [1]_.

    .. math:: S_2(t) = \sum_{i\le t} m_i, \qquad m_i = \lambda m_{i-1} + \eta_{i-1} - \eta_i,
              \qquad\text{so that}\quad
              S_2(t) = \sum_{k\le t}(\eta_{k-1} - \eta_k)\,\frac{1 - \lambda^{t-k+1}}{1 - \lambda}

    A fall shows over the steps :math:`\tau` of :math:`\lambda = e^{-1/\tau}`. Sampled in place of
    :math:`C` and :math:`\lambda` are the drop of a fall from the peak to zero,
    :math:`C\eta_p/(1-\lambda)`, and :math:`\tau`.

    References
    ----------
    .. [1] Tissue et al. 2024, "Scaling Law with Learning Rate Annealing", arXiv 2408.11029.
    """

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        memory = "steps over which a fall shows"
        return (Parameter("tau", "shape", "step", memory, LogNormal(300.0, 1.5)),)

    @property
    def derived(self) -> tuple[Parameter, ...]:
        amplitude = "loss per annealing area"
        return (
            Parameter("C", "strength", "loss/(lr step)", amplitude),
            Parameter("lambda", "shape", "1", "decay of the momentum, a step"),
        )

    def shown(self, params: Values, log_lr: Any, log_sum: Any, log_age: Any) -> Any:
        return -jnp.expm1(-jnp.exp(log_age) / params["tau"])

    def to_field(self, params: Values, drop: Any, log_peak: Any) -> dict[str, Any]:
        step = -1.0 / params["tau"]
        return {"C": drop * -jnp.expm1(step) * jnp.exp(-log_peak), "lambda": jnp.exp(step)}

    def from_field(self, field: Values, log_peak: Any) -> tuple[Any, dict[str, Any]]:
        step = jnp.log(field["lambda"])
        return field["C"] / -jnp.expm1(step) * jnp.exp(log_peak), {"tau": -1.0 / step}

    @property
    def expression(self) -> str:
        return "momentum"


@dataclass(frozen=True)
class Annealed(Around):
    r"""A law of the summed learning rate less what falls of the learning rate take off.

    .. math:: L(t) = f(S_1(t), \dots) - \Delta\sum_{k\le t} w_k\,G_k(t), \qquad
              w_k = (\eta_{k-1} - \eta_k)/\eta_p

    with the share :math:`G_k` that shows from a :class:`Response`. The sum starts at
    :math:`\eta_0 = 0`, as the authors' code has it and their constants want it: the rise of the
    warm-up counts, so that f is the loss of a run whose learning rate was brought to zero, and a
    run at the peak learning rate lies :math:`\Delta` above it once the rise has come to show.
    Without drop, :math:`\Delta = 0`, the law is f. :math:`\eta_p` is the highest learning rate of
    the fitted runs: another unit of the learning rate changes no sampled parameter, so no
    prediction either.

    A drop of more than 99 % of f would leave no loss, or less than none. There the log goes on
    along its tangent: finite, steep, and far from any run.

    Parameters
    ----------
    term : Term
        The law f, such as ``irreducible + power(S1)``.
    response : Response, default MultiPower()
        How falls come to show.
    """

    response: Response = field(default_factory=MultiPower)

    def __post_init__(self) -> None:
        for what, kind in (("term", Term), ("response", Response)):
            if not isinstance(getattr(self, what), kind):
                raise LawError(
                    f"The {what} of an annealed term is {getattr(self, what)!r}. Write "
                    "annealed(irreducible + power(S1)) or annealed(irreducible + power(S1), "
                    "momentum)."
                )

    @property
    def inputs(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.term.inputs, "S")))

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.term.paths, COLUMN)))

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        meaning = "loss that a fall from the peak learning rate to zero takes off in the end"
        prior = LogNormal(0.04, 1.0, relative=True)
        own = (Parameter("drop", "strength", "loss", meaning, prior), *self.response.parameters)
        return merged((self.term.parameters, own))

    @property
    def derived(self) -> tuple[Parameter, ...]:
        return (*self.term.derived, *self.response.derived)

    def reference_point(self, columns: Mapping[str, np.ndarray]) -> dict[str, float]:
        return {**self.term.reference_point(columns), PEAK: float(np.log(peak(columns[COLUMN])))}

    def _fallen(self, params: Values, x: Values, reference: Values) -> tuple[Any, Any]:
        """Log of f, and the share of it that falls have taken off."""
        log_peak = reference.get(PEAK, 0.0)
        log_f = self.term.log_value(params, x, reference)
        fall, log_lr, log_sum, log_age = jnp.moveaxis(jnp.asarray(x[COLUMN]), -1, 0)
        own = {p.name: jnp.asarray(params[p.name])[..., None] for p in self.response.parameters}
        shown = self.response.shown(own, log_lr - log_peak, log_sum - log_peak, log_age)
        fallen = jnp.sum(fall * shown, axis=-1) * jnp.exp(-log_peak)
        return log_f, params["drop"] * fallen * jnp.exp(-log_f)

    def log_value(self, params: Values, x: Values, reference: Values) -> Any:
        log_f, share = self._fallen(params, x, reference)
        inside = jnp.minimum(share, EDGE)
        return log_f + jnp.log1p(-inside) - (share - inside) / (1.0 - EDGE)

    def undefined(self, params: Values, x: Values, reference: Values) -> Any:
        beyond = self._fallen(params, x, reference)[1] > EDGE
        return beyond | self.term.undefined(params, x, reference)

    def to_field(self, params: Values, reference: Values, log_gain: Any = 0.0) -> dict[str, Any]:
        drop = params["drop"] * jnp.exp(log_gain)
        own = self.response.to_field(params, drop, reference.get(PEAK, 0.0))
        return {**self.term.to_field(params, reference, log_gain), **own}

    def from_field(self, field: Values, reference: Values, log_gain: Any = 0.0) -> dict[str, Any]:
        drop, own = self.response.from_field(field, reference.get(PEAK, 0.0))
        return {
            **self.term.from_field(field, reference, log_gain),
            "drop": drop * jnp.exp(-log_gain),
            **own,
        }

    @property
    def expression(self) -> str:
        response = "" if self.response == MultiPower() else f", {self.response.expression}"
        return f"annealed({self.term.expression}{response})"
