"""Noise with the known standard error of each measured loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from bayescale.errors import RunsError
from bayescale.laws.term import Parameter, Values
from bayescale.noise.noise import Noise, Rows
from bayescale.noise.rescaled import Rescaled
from bayescale.noise.student_t import StudentT

if TYPE_CHECKING:
    from bayescale.runs import Runs

__all__ = ["Measured"]


@dataclass(frozen=True)
class Measured(Rescaled):
    r"""Scatter of the runs, and the error with which each loss was measured.

    :math:`\sigma_i^2 = \sigma^2 + (\mathrm{se}_i/L_i)^2` with the column ``loss_se`` for
    :math:`\mathrm{se}_i`: on log loss, the standard error relative to the loss. With normal noise
    that is the sum of two independent errors, exactly; with another shape it is that shape with the
    two scales added in squares, heavy tails included.

    A new run is forecast without error of measurement, unless its point carries a ``loss_se``.

    Parameters
    ----------
    shape : Noise, default StudentT()
        The shape of the noise.
    """

    shape: Noise = field(default_factory=StudentT)

    @property
    def name(self) -> str:
        return "measured" if self.shape == StudentT() else f"measured({self.shape.name})"

    @property
    def added(self) -> tuple[Parameter, ...]:
        return ()

    def sigma(self, params: Values, rows: Rows) -> Any:
        return (params["sigma"] ** 2 + rows["measurement"] ** 2) ** 0.5

    def ahead(self, points: Mapping[str, np.ndarray], fitted: Runs) -> dict[str, Any]:
        if "loss_se" in points and "loss" in points:
            error = np.asarray(points["loss_se"], np.float64) / np.asarray(points["loss"])
        else:
            error = np.zeros(len(next(iter(points.values()))))
        return {**self.shape.ahead(points, fitted), "measurement": error}

    def rows(self, runs: Runs, x: Mapping[str, np.ndarray], fitted: Runs) -> dict[str, Any]:
        if "loss_se" not in runs.columns:
            raise RunsError(
                "The runs have no loss_se (standard error of the loss), which the noise "
                f"{self.name!r} adds to the scatter. Map it with --column loss_se=NAME, or fit "
                "with a noise that does not need it."
            )
        return super().rows(runs, x, fitted)

    def to_json(self) -> dict[str, Any]:
        return {"name": "measured", "shape": self.shape.to_json()}
