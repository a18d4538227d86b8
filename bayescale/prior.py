"""Priors as specifications: frozen, printable, and replaceable by name.

A specification holds numbers only. It becomes a NumPyro distribution when a model is traced, with
its numbers passed as arguments, so that changing a prior's width does not compile anything again.

A prior may be *relative*: stated in units of the reference loss (the geometric mean of the observed
losses), so that the same default serves nats per token, bits per byte and error rates.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from scipy import special

from bayescale import grammar
from bayescale.errors import PriorError

if TYPE_CHECKING:
    from numpyro.distributions import Distribution

__all__ = [
    "Beta",
    "Gamma",
    "HalfNormal",
    "LogNormal",
    "LogitNormal",
    "Normal",
    "Prior",
    "Uniform",
    "from_json",
    "parse",
]

EXAMPLE = '"E=normal(1.6, 0.1)"'


@dataclass(frozen=True)
class Prior(ABC):
    """A prior over one parameter.

    A prior on a parameter that must be positive is cut at zero and renormalised where its family
    reaches below zero.
    """

    family: ClassVar[str]
    log_scale: ClassVar[bool] = True
    """Whether the density falls to zero smoothly at every edge of the positive axis that it
    keeps, so that a sampler may use the logarithm as its coordinate."""

    def __post_init__(self) -> None:
        for f in fields(self):
            value = getattr(self, f.name)
            try:
                usable = value in (0, 1) if f.name == "relative" else math.isfinite(value)
            except TypeError:
                usable = False
            if not usable:
                what = "True or False" if f.name == "relative" else "a finite number"
                raise PriorError(f"The prior {self.family} has {f.name}={value!r}. Give {what}.")
        self._check()

    @property
    def numbers(self) -> dict[str, float]:
        """The hyperparameters by name, as floats."""
        return {f.name: float(getattr(self, f.name)) for f in fields(self) if f.name != "relative"}

    @property
    def is_relative(self) -> bool:
        """Whether the numbers are in units of the reference loss."""
        return bool(getattr(self, "relative", False))

    @property
    def kind(self) -> tuple[str, bool]:
        """What a compiled program depends on: the family, not the numbers."""
        return (self.family, self.is_relative)

    def _check(self) -> None:  # noqa: B027
        """Refuse hyperparameters outside their range; most families have one."""

    def _positive(self, *names: str) -> None:
        for name in names:
            value = float(getattr(self, name))
            if value <= 0:
                raise PriorError(
                    f"The prior {self.family} has {name}={value:g}. It must be above zero."
                )

    @staticmethod
    @abstractmethod
    def distribution(numbers: dict[str, Any], positive: bool) -> Distribution:
        """Build the NumPyro distribution, in the prior's own units.

        Parameters
        ----------
        numbers : dict of str to scalar
            The hyperparameters; may be traced.
        positive : bool
            Whether the parameter must be positive.
        """

    @abstractmethod
    def quantile(self, p: np.ndarray | float, positive: bool = True) -> np.ndarray:
        """Quantiles in the prior's own units, by closed form."""

    def draws(self, n: int, rng: np.random.Generator, scale: float, positive: bool) -> np.ndarray:
        """Independent draws, shape ``(n,)``, in the parameter's own unit."""
        values = self.quantile(rng.uniform(1e-12, 1 - 1e-12, n), positive)
        return np.asarray(values * (scale if self.is_relative else 1.0))

    def widened(self, factor: float) -> Prior:
        """The same prior with its scale multiplied by ``factor`` (for sensitivity checks)."""
        raise PriorError(f"The prior {self} has no scale to widen. Choose another family.")

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready description; :func:`from_json` reads it."""
        return {"family": self.family, **self.numbers, "relative": self.is_relative}

    def __str__(self) -> str:
        numbers = ", ".join(f"{v:g}" for v in self.numbers.values())
        return f"{self.family}({numbers})" + (" x reference loss" if self.is_relative else "")


@dataclass(frozen=True)
class Normal(Prior):
    """Normal, cut at zero for a positive parameter."""

    mean: float
    sd: float
    relative: bool = field(default=False, kw_only=True)
    family: ClassVar[str] = "normal"

    def _check(self) -> None:
        self._positive("sd")

    @staticmethod
    def distribution(numbers: dict[str, Any], positive: bool) -> Distribution:
        import numpyro.distributions as dist

        if positive:
            return dist.TruncatedNormal(numbers["mean"], numbers["sd"], low=0.0)
        return dist.Normal(numbers["mean"], numbers["sd"])

    def quantile(self, p: np.ndarray | float, positive: bool = True) -> np.ndarray:
        p, z = np.asarray(p, dtype=np.float64), self.mean / self.sd
        if not positive:
            return np.asarray(self.mean + self.sd * special.ndtri(p))
        if z > 0:  # from the nearer tail, where no digits are lost
            below = special.ndtr(-z)
            values = self.mean + self.sd * special.ndtri(below + p * (1 - below))
        else:
            values = self.mean - self.sd * special.ndtri((1 - p) * special.ndtr(z))
        return np.asarray(np.maximum(values, 0.0))

    def widened(self, factor: float) -> Normal:
        return replace(self, sd=self.sd * factor)


@dataclass(frozen=True)
class LogNormal(Prior):
    """Log-normal, by its median and the standard deviation of the logarithm."""

    median: float
    sigma: float
    relative: bool = field(default=False, kw_only=True)
    family: ClassVar[str] = "lognormal"

    def _check(self) -> None:
        self._positive("median", "sigma")

    @staticmethod
    def distribution(numbers: dict[str, Any], positive: bool) -> Distribution:
        import jax.numpy as jnp
        import numpyro.distributions as dist

        return dist.LogNormal(jnp.log(numbers["median"]), numbers["sigma"])

    def quantile(self, p: np.ndarray | float, positive: bool = True) -> np.ndarray:
        return np.asarray(self.median * np.exp(self.sigma * special.ndtri(p)))

    def widened(self, factor: float) -> LogNormal:
        return replace(self, sigma=self.sigma * factor)


@dataclass(frozen=True)
class HalfNormal(Prior):
    """The positive half of a normal centred at zero."""

    scale: float
    relative: bool = field(default=False, kw_only=True)
    family: ClassVar[str] = "halfnormal"

    def _check(self) -> None:
        self._positive("scale")

    @staticmethod
    def distribution(numbers: dict[str, Any], positive: bool) -> Distribution:
        import numpyro.distributions as dist

        return dist.HalfNormal(numbers["scale"])

    def quantile(self, p: np.ndarray | float, positive: bool = True) -> np.ndarray:
        return np.asarray(self.scale * special.ndtri(0.5 + 0.5 * np.asarray(p)))

    def widened(self, factor: float) -> HalfNormal:
        return replace(self, scale=self.scale * factor)


@dataclass(frozen=True)
class Gamma(Prior):
    """Gamma by shape and rate, shifted to start at ``low``."""

    shape: float
    rate: float
    low: float = 0.0
    family: ClassVar[str] = "gamma"
    log_scale: ClassVar[bool] = False

    def _check(self) -> None:
        self._positive("shape", "rate")

    @staticmethod
    def distribution(numbers: dict[str, Any], positive: bool) -> Distribution:
        import numpyro.distributions as dist

        base = dist.Gamma(numbers["shape"], numbers["rate"])
        shift = dist.transforms.AffineTransform(
            numbers["low"], 1.0, domain=dist.constraints.positive
        )
        return dist.TransformedDistribution(base, shift)

    def quantile(self, p: np.ndarray | float, positive: bool = True) -> np.ndarray:
        return np.asarray(self.low + special.gammaincinv(self.shape, p) / self.rate)

    def widened(self, factor: float) -> Gamma:
        return replace(self, rate=self.rate / factor)


@dataclass(frozen=True)
class Beta(Prior):
    """Beta on the unit interval."""

    a: float
    b: float
    relative: bool = field(default=False, kw_only=True)
    family: ClassVar[str] = "beta"
    log_scale: ClassVar[bool] = False

    def _check(self) -> None:
        self._positive("a", "b")

    @staticmethod
    def distribution(numbers: dict[str, Any], positive: bool) -> Distribution:
        import numpyro.distributions as dist

        return dist.Beta(numbers["a"], numbers["b"])

    def quantile(self, p: np.ndarray | float, positive: bool = True) -> np.ndarray:
        return np.asarray(special.betaincinv(self.a, self.b, p))


@dataclass(frozen=True)
class Uniform(Prior):
    """Uniform between two bounds."""

    low: float
    high: float
    relative: bool = field(default=False, kw_only=True)
    family: ClassVar[str] = "uniform"
    log_scale: ClassVar[bool] = False

    def _check(self) -> None:
        if self.high <= self.low:
            raise PriorError(
                f"The prior uniform has low={self.low:g} and high={self.high:g}. "
                "The upper bound must be above the lower."
            )

    @staticmethod
    def distribution(numbers: dict[str, Any], positive: bool) -> Distribution:
        import numpyro.distributions as dist

        return dist.Uniform(numbers["low"], numbers["high"])

    def quantile(self, p: np.ndarray | float, positive: bool = True) -> np.ndarray:
        return np.asarray(self.low + np.asarray(p) * (self.high - self.low))

    def widened(self, factor: float) -> Uniform:
        """About its middle; one that keeps above zero still does."""
        middle, half = (self.low + self.high) / 2, (self.high - self.low) / 2 * factor
        low = max(middle - half, 0.0) if self.low >= 0.0 else middle - half
        return replace(self, low=low, high=middle + half)


@dataclass(frozen=True)
class LogitNormal(Prior):
    """Logit-normal on the unit interval: the logit is Normal(loc, scale)."""

    loc: float
    scale: float
    relative: bool = field(default=False, kw_only=True)
    family: ClassVar[str] = "logitnormal"

    def _check(self) -> None:
        self._positive("scale")

    @staticmethod
    def distribution(numbers: dict[str, Any], positive: bool) -> Distribution:
        import numpyro.distributions as dist

        return dist.TransformedDistribution(
            dist.Normal(numbers["loc"], numbers["scale"]), dist.transforms.SigmoidTransform()
        )

    def quantile(self, p: np.ndarray | float, positive: bool = True) -> np.ndarray:
        return np.asarray(special.expit(self.loc + self.scale * special.ndtri(p)))

    def widened(self, factor: float) -> LogitNormal:
        return replace(self, scale=self.scale * factor)


FAMILIES: dict[str, type[Prior]] = {
    cls.family: cls for cls in (Normal, LogNormal, HalfNormal, Gamma, Beta, Uniform, LogitNormal)
}


def from_json(description: dict[str, Any]) -> Prior:
    """Rebuild a prior from :meth:`Prior.to_json`."""
    numbers = dict(description)
    family = str(numbers.pop("family", ""))
    relative = bool(numbers.pop("relative", False))
    return _make(family, (), {**numbers, **({"relative": True} if relative else {})})


def parse(text: str) -> tuple[str, Prior]:
    """Read ``NAME=family(number, ...)``, as typed after ``--prior``.

    Returns
    -------
    tuple of str and Prior
        The parameter's name and its prior.

    Raises
    ------
    PriorError
        Where the text is not of that form.
    """
    name, equals, right = text.partition("=")
    name = name.strip()
    if not equals or not name.isidentifier():
        raise PriorError(
            f"The prior {text!r} has no parameter name before '='. Write it like this: {EXAMPLE}."
        )
    node = grammar.parse(right, "prior", EXAMPLE)
    if not isinstance(node, grammar.Call) or not all(
        isinstance(value, float) for value in (*node.args, *dict(node.kwargs).values())
    ):
        raise PriorError(
            f"The prior {text!r} is not a family with numbers. Write it like this: {EXAMPLE}; "
            f"families: {', '.join(FAMILIES)}."
        )
    return name, _make(node.name.lower(), node.args, dict(node.kwargs))


def _make(family: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Prior:
    if family not in FAMILIES:
        raise PriorError(
            f"There is no prior family {family!r}. Choose one of: {', '.join(FAMILIES)}."
        )
    cls = FAMILIES[family]
    try:
        return cls(*args, **kwargs)
    except TypeError:
        names = ", ".join(f.name for f in fields(cls) if f.name != "relative")
        raise PriorError(
            f"The prior {family} was given {len(args) + len(kwargs)} numbers that do not match. "
            f"It takes: {family}({names})."
        ) from None
