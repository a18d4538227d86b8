"""What a likelihood can integrate out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from bayescale.laws.term import Values

__all__ = ["Integrated"]


class Integrated(ABC):
    """A Gaussian process that the losses of the runs follow: a frozen declaration, no numbers.

    It is a part of the key of compiled programs; the numbers are data and parameters.
    """

    dense: ClassVar[bool] = False
    """Whether it factors a matrix of all runs: then many points at once save nothing."""

    @abstractmethod
    def log_density(
        self, log_mean: Any, loss: Any, params: Values, rows: Values, mask: Any, span: Any
    ) -> Any:
        """Log density of the losses with the process integrated out, told row by row.

        Parameters
        ----------
        log_mean, loss : array, shape (row,)
            Log of the law, and the losses.
        params : mapping
            Parameters of the process, and ``sigma``.
        rows : mapping
            From :meth:`bayescale.discrepancy.sampled.Sampled.along`.
        mask : array of bool, shape (row,)
            Which rows are runs.
        span : scalar
            :meth:`bayescale.discrepancy.sampled.Sampled.span` of the runs.

        Returns
        -------
        array, shape (row,)
            Its sum over the runs is the log density of all losses.
        """
