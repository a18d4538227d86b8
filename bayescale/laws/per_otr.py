r"""The per-OTR compute law: the exponent of compute depends on the over-training ratio.

.. math:: L(C, M) = \lambda(M)\,C^{-\mu(M)}, \qquad \mu(M) = \mu_\infty + \delta\,h(M), \qquad
          h(M) = \max(0, \ln M_t - \ln M)

Source: Chen et al. 2025, arXiv 2507.10613, who fit :math:`L = \lambda_C/C^{\alpha_C}` at each
ratio M = D/N: the exponents fall up to a ratio of about 50 (20 in an appendix) and then scatter
about 0.0521. Here they are one smooth function of M with a free threshold, and so is the level; see
:class:`bayescale.laws.per_ratio.PerRatio`. Inputs: C in FLOP, M tokens per parameter (count N as
the runs do). :math:`\delta = 0` is one exponent at every M. No preset: of the paper's constants
only the mean exponent is known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bayescale.laws.law import Law
from bayescale.laws.per_ratio import PerRatio

__all__ = ["LAWS"]


def per_otr() -> Law:
    """The compute law whose exponent depends on D/N."""
    return Law(
        name="per_otr",
        term=PerRatio(),
        title="compute law with an exponent for each over-training ratio",
        formula=(
            "ln L = ln lambda_C + g_1 ln M + g_2 (ln M)^2 + g_h h - (mu + delta h) ln C, "
            "h = max(0, ln(M_t/M))"
        ),
        source="Chen et al. 2025, arXiv 2507.10613, in the smooth form of this package",
        notes=(
            "No floor: mu is the slope of the whole loss. The paper's claim is delta above zero, "
            "M_t near 50 and mu near 0.052. M_t means something only where delta is away from "
            "zero; several C at each M are needed. No published constants but mu."
        ),
    )


LAWS: Mapping[str, Callable[..., Law]] = {"per_otr": per_otr}
