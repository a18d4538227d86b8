"""Training compute from model size and tokens."""

from __future__ import annotations

from typing import overload

import numpy as np
import numpy.typing as npt

__all__ = ["flops_6nd"]


@overload
def flops_6nd(N: float, D: float) -> float: ...
@overload
def flops_6nd(
    N: npt.NDArray[np.float64], D: float | npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]: ...
@overload
def flops_6nd(
    N: float | npt.NDArray[np.float64], D: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]: ...
def flops_6nd(
    N: float | npt.NDArray[np.float64], D: float | npt.NDArray[np.float64]
) -> float | npt.NDArray[np.float64]:
    """Return 6ND, the usual estimate of the compute of a training run.

    Two FLOP a parameter and token for the forward pass (a multiplication and an addition)
    and twice that for the backward pass [1]_. Attention over the context, embeddings and
    re-computation are left out; [2]_ (appendix F) finds the estimate within a tenth of a
    full count at its sizes. Small models with long contexts are further off.

    Parameters
    ----------
    N : float or array
        Parameters. Kaplan et al. count them without embeddings, Hoffmann et al. with.
    D : float or array
        Training tokens seen.

    Returns
    -------
    float or array
        Training FLOP.

    References
    ----------
    .. [1] Kaplan et al. (2020), "Scaling Laws for Neural Language Models", section 2.1,
       arXiv:2001.08361.
    .. [2] Hoffmann et al. (2022), "Training Compute-Optimal Large Language Models",
       arXiv:2203.15556.

    Examples
    --------
    >>> flops_6nd(70e9, 1.4e12)
    5.88e+23
    """
    return 6.0 * N * D
