"""An outer exponent on a sum of terms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bayescale.errors import LawError
from bayescale.laws.term import (
    Around,
    Pair,
    Parameter,
    Values,
    merged,
    plain_words,
    without_paths,
)

__all__ = ["Coupled"]


@dataclass(frozen=True)
class Coupled(Around):
    r"""A sum raised to an outer exponent, :math:`(\sum_i t_i)^k`.

    In the field's form the inner terms are taken as they are, :math:`(A/N^\alpha + B/D^\beta)^k`.
    In reference form the inner contributions :math:`T_i` stay in the unit of the loss and add up to
    the whole at the reference point, :math:`R_0^{1-k} (\sum_i T_i)^k` with
    :math:`R_0 = \sum_i T_i` there, so that they mean the same for every :math:`k` and :math:`k=1`
    is the plain sum.

    Parameters
    ----------
    term : Term
        The inner term, usually a sum.
    k : str, default "k"
        Name of the outer exponent.
    role : {"coupling", "exponent"}, default "coupling"
        ``exponent`` where the outer exponent is itself a law's exponent, as in Kaplan's eq. 1.5.
    inner : str, optional
        Input of the inner term whose own exponent is one, so that the outer exponent is the
        exponent with which it falls.

    References
    ----------
    .. [1] Kaplan et al. 2020, arXiv 2001.08361, eq. 1.5.
    .. [2] Busbridge et al. 2025, arXiv 2502.08606 (the supervised form); Videau et al. 2026,
       arXiv 2608.07222 (Skaling).
    """

    k: str = "k"
    role: str = "coupling"
    inner: str | None = None

    def __post_init__(self) -> None:
        without_paths("A coupled term", self.term)
        if self.term.floor:
            raise LawError(
                f"The coupled term holds a floor, {self.term.floor!r}. "
                "Add the irreducible loss outside: irreducible + coupled(...)."
            )
        plain_words("a coupled term", k=self.k)
        if self.role not in ("coupling", "exponent"):
            raise LawError(
                f'The role of a coupled term is {self.role!r}. Choose "coupling" or "exponent".'
            )
        levels = [p.name for p in self.term.parameters if p.role == "contribution"]
        if self.inner is not None and f"T_{self.inner}" not in levels:
            raise LawError(
                f"The coupled term has inner={self.inner!r}, but holds no contribution "
                f"'T_{self.inner}'. Give the input of one of: {', '.join(levels)}."
            )

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        meaning = "outer exponent: below one, N and D compensate each other less than additively"
        if self.role == "exponent":
            meaning = "outer exponent: how the loss falls along the term of inner exponent one"
        return merged((self.term.parameters, (Parameter(self.k, self.role, "1", meaning),)))

    @property
    def pairs(self) -> tuple[Pair, ...]:
        own = (Pair(self.inner, f"T_{self.inner}", self.k),) if self.inner else ()
        return (*self.term.pairs, *own)

    def log_value(self, params: Values, x: Values, reference: Values) -> Any:
        k = params[self.k]
        at_reference = self.term.log_value(params, reference, reference)
        return (1.0 - k) * at_reference + k * self.term.log_value(params, x, reference)

    def _inner_gain(self, k: Any, log_total: Any, log_gain: Any) -> Any:
        return log_gain / k + (1.0 / k - 1.0) * log_total

    def to_field(self, params: Values, reference: Values, log_gain: Any = 0.0) -> dict[str, Any]:
        k = params[self.k]
        total = self.term.log_value(params, reference, reference)
        inner = self.term.to_field(params, reference, self._inner_gain(k, total, log_gain))
        return {**inner, self.k: k}

    def from_field(self, field: Values, reference: Values, log_gain: Any = 0.0) -> dict[str, Any]:
        k = field[self.k]
        raw = {**self.term.from_field(field, reference), self.k: k}
        total = k * self.term.log_value(raw, reference, reference) - log_gain
        inner = self.term.from_field(field, reference, self._inner_gain(k, total, log_gain))
        return {**inner, self.k: k}

    @property
    def expression(self) -> str:
        options = [
            f'{name}="{value}"'
            for name, default in (("k", "k"), ("role", "coupling"), ("inner", None))
            if (value := getattr(self, name)) != default
        ]
        return f"coupled({', '.join((self.term.expression, *options))})"
