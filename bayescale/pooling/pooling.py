"""Partial pooling: groups of runs with parameters of their own, drawn from one population."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bayescale.errors import LawError, RunsError
from bayescale.laws.term import Parameter, Values, plain_words
from bayescale.prior import HalfNormal, Normal

if TYPE_CHECKING:
    from bayescale.laws.law import Law
    from bayescale.runs import Runs

__all__ = ["COMPLETE", "MEMBER", "Pooling"]

MEMBER = "@group"
"""Key, among the log inputs of a program, of the number of each row's group. No input has it."""

LEVELS = ("floor", "contribution")
"""Roles of the parameters that are pooled unless said: the levels. Exponents are shared."""


@dataclass(frozen=True)
class Pooling:
    r"""Which parameters differ from group to group, and by how much they may.

    For every pooled parameter :math:`\theta` and group :math:`g`,

    .. math:: \ln\theta_g = \ln\theta + \tau_\theta z_g, \quad z_g \sim \mathcal N(0, 1), \quad
              \tau_\theta \sim \mathrm{HalfNormal}(0.3),

    non-centred: :math:`\theta` is that of the typical group and carries the law's prior. Groups
    with few runs are drawn towards it, by as much as the groups are alike; :math:`\tau \to 0` is
    one law for all runs (complete pooling), a large fixed :math:`\tau` one law for each group (no
    pooling). Groups share the reference point and the noise.

    Parameters
    ----------
    by : str, default "family"
        The column that tells groups apart.
    parameters : tuple of str
        The pooled parameters; the floor and the contributions unless said.
    sd : float, optional
        A fixed :math:`\tau` of all of them, instead of one learned for each.
    groups : tuple of str
        The groups; filled in from the runs by :meth:`resolved`.
    """

    by: str = "family"
    parameters: tuple[str, ...] = ()
    sd: float | None = None
    groups: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        plain_words("the pooling", column=self.by)
        if self.sd is not None and not (math.isfinite(self.sd) and self.sd > 0):
            raise LawError(f"The pooling has sd={self.sd!r}. Give a finite number above zero.")

    @property
    def active(self) -> bool:
        """Whether any parameter differs between groups."""
        return bool(self.parameters)

    @property
    def spreads(self) -> dict[str, str]:
        """Pooled parameter to the name of the sd between groups of its logarithm."""
        return {} if self.sd is not None else {name: f"{name}_sd" for name in self.parameters}

    def offsets(self, name: str) -> tuple[str, ...]:
        """Names of the standardised offsets of a parameter, one for each group."""
        return tuple(f"{name}_z{number}" for number in range(len(self.groups)))

    # --- from a declaration to the groups of a table -------------------------------------------

    def of(self, law: Law) -> Pooling:
        """The same with its parameters named, where they are the levels of the law.

        Raises
        ------
        LawError
            Where the law has no such parameter, or one that may be below zero.
        """
        known = {p.name: p for p in law.parameters}
        names = self.parameters or tuple(n for n, p in known.items() if p.role in LEVELS)
        for name in names:
            if name not in known:
                raise LawError(
                    f"The law {law.name!r} has no parameter {name!r} to pool. "
                    f"Choose among: {', '.join(known)}."
                )
            if not known[name].positive:
                raise LawError(
                    f"The parameter {name!r} may be below zero, and pooling is on the logarithm. "
                    f"Choose among: {', '.join(n for n, p in known.items() if p.positive)}."
                )
        return replace(self, parameters=names)

    def resolved(self, runs: Runs) -> Pooling:
        """The same with the groups of the runs, unless it has groups already.

        Raises
        ------
        RunsError
            Where the runs lack the column, or have a single group.
        """
        if not self.active or self.groups:
            return self
        if self.by not in runs:
            raise RunsError(
                f"The runs have no column {self.by!r} to pool by. Map one with "
                f"--column {self.by}=NAME, or name another: --pool COLUMN."
            )
        groups = tuple(sorted({str(value) for value in runs[self.by]}))
        if len(groups) < 2:
            raise RunsError(
                f"The column {self.by!r} holds a single group, {groups[0]!r}. Pooling needs two or "
                "more; fit without it."
            )
        return replace(self, groups=groups)

    @property
    def anonymous(self) -> Pooling:
        """What a compiled program depends on: how many groups, not what they are called."""
        return replace(self, by="group", groups=tuple(map(str, range(len(self.groups)))))

    @property
    def added(self) -> tuple[Parameter, ...]:
        """The parameters that pooling adds: for each pooled one its spread and its offsets."""
        found = []
        for name in self.parameters:
            if name in self.spreads:
                meaning = f"sd of log {name} from one {self.by} to another"
                found.append(Parameter(self.spreads[name], "shape", "1", meaning, HalfNormal(0.3)))
            for offset, group in zip(self.offsets(name), self.groups, strict=True):
                meaning = f"log {name} of {group} from the population's, in units of its sd"
                prior = Normal(0.0, 1.0)
                found.append(Parameter(offset, "shape", "1", meaning, prior, positive=False))
        return tuple(found)

    # --- at rows -------------------------------------------------------------------------------

    def members(self, columns: Mapping[str, Any]) -> np.ndarray:
        """The number of each row's group, as a float like every other input.

        Raises
        ------
        RunsError
            For a group that was not fitted.
        """
        names = [str(value) for value in np.atleast_1d(columns[self.by])]
        place = {group: number for number, group in enumerate(self.groups)}
        unknown = [name for name in names if name not in place]
        if unknown:
            raise RunsError(
                f"The {self.by} {unknown[0]!r} is none of the groups that were fitted: "
                f"{', '.join(self.groups)}. Forecast it as a new group (--group new)."
            )
        return np.array([place[name] for name in names], dtype=np.float64)

    def placed(self, params: Values, x: Values) -> Values:
        """Parameters with the pooled ones taken from each row's group.

        Parameters
        ----------
        params : mapping
            All sampled parameters; those pooling added with no axis of rows.
        x : mapping
            Log inputs, with :data:`MEMBER` where rows belong to groups; without it, the parameters
            are those of the typical group.
        """
        if not self.active or MEMBER not in x:
            return params
        import jax.numpy as jnp

        member = jnp.asarray(x[MEMBER]).astype(int)
        own = {}
        for name in self.parameters:
            z = jnp.stack([params[offset] for offset in self.offsets(name)], axis=-1)
            own[name] = params[name] * jnp.exp(self.spread(name, params) * z[..., member])
        return {**params, **own}

    def spread(self, name: str, params: Values) -> Any:
        """The sd between groups of the log of a pooled parameter."""
        return self.sd if self.sd is not None else params[self.spreads[name]]

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready description; :func:`bayescale.pooling.from_json` reads it."""
        return {
            "by": self.by,
            "parameters": list(self.parameters),
            "sd": self.sd,
            "groups": list(self.groups),
        }

    def __str__(self) -> str:
        if not self.active:
            return "none"
        fixed = f", sd fixed at {self.sd:g}" if self.sd is not None else ""
        return f"{', '.join(self.parameters)} by {self.by} ({len(self.groups)} groups{fixed})"


COMPLETE = Pooling()
"""One law for all runs: nothing differs between groups. What a model has unless said."""
