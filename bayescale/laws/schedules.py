r"""Laws of a training curve under any learning-rate schedule.

.. math:: L(t) = L_0 + A\,S_1(t)^{-\alpha} - LD(t)

``multi_power`` is the law of Luo et al. 2025, arXiv 2503.12811: :math:`S_1` is the sum of the
learning rate with that of the warm-up, their :math:`S_1 + S_W`, and

.. math:: LD(t) = B\sum_{k\le t}(\eta_{k-1} - \eta_k)\,
          \Big[1 - \Big(C\eta_k^{-\gamma}\sum_{\tau=k}^t\eta_\tau + 1\Big)^{-\beta}\Big] .

``annealing`` is that of Tissue et al. 2024, arXiv 2408.11029: :math:`LD = C S_2`, with the
annealing area :math:`S_2` of a momentum of the learning rate's falls; see
:class:`bayescale.laws.annealed.Momentum`.

Both sums start at :math:`\eta_0 = 0`. The text of Luo et al. can be read as starting after the
warm-up; with their constants only the sum with the warm-up, as in their code, meets their curves
(``benchmarks/published/schedules.py``). :math:`L_0` is then the loss towards which a run goes whose
learning rate is brought to zero. How Tissue et al. count the warm-up was not looked up: with their
:math:`L_0` beside ours, mind the drop.

Inputs: S1 and S, and the schedule of each row's run, which :func:`bayescale.read_runs` makes from
columns run, steps and lr.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bayescale.laws.annealed import Annealed, Momentum, MultiPower, Response
from bayescale.laws.irreducible import Irreducible
from bayescale.laws.law import Law, Preset
from bayescale.laws.power import Power

__all__ = ["LAWS"]

NAMES = ("L_0", "A", "alpha", "B", "C", "beta", "gamma")
PUBLISHED = {
    "luo2025_25m": (3.040, 0.525, 0.508, 363.8, 2.066, 0.583, 0.641),
    "luo2025_100m": (2.651, 0.601, 0.453, 437.9, 2.132, 0.598, 0.655),
    "luo2025_400m": (2.375, 0.654, 0.429, 523.4, 2.025, 0.594, 0.635),
}
"""Fits of models of 25M, 100M and 400M parameters: of one size, tokenizer and corpus each."""

CURVES = (
    "Rows are points along runs: columns run, steps and lr, and warmup_steps where the rows begin "
    "after the warm-up. Without a fall of the learning rate in the runs, the drop is the prior's; "
    "without falls of several lengths, so is how it comes to show. It is a law of one model size "
    "and batch; zero learning rate leaves the loss where it is."
)


def _term(response: Response) -> Annealed:
    curve = Irreducible("L_0") + Power("S1", exponent="alpha", field="A")
    return Annealed(curve, response)


def multi_power() -> Law:
    """The multi-power law."""
    return Law(
        name="multi_power",
        term=_term(MultiPower()),
        title="multi-power law of the learning-rate schedule",
        formula=(
            "L = L_0 + A S1^-alpha - B sum_k (lr_{k-1} - lr_k) "
            "[1 - (C lr_k^-gamma sum_{k..t} lr + 1)^-beta]"
        ),
        source="Luo et al. 2025, arXiv 2503.12811, and the authors' repository",
        notes=CURVES,
        presets={
            name: Preset(
                values=dict(zip(NAMES, values, strict=True)),
                source="Luo et al. 2025, arXiv 2503.12811, the authors' repository",
                count="unspecified",
            )
            for name, values in PUBLISHED.items()
        },
        noise="curve(S)",
    )


def annealing() -> Law:
    """The law of the annealing area."""
    return Law(
        name="annealing",
        term=_term(Momentum()),
        title="annealing law: summed learning rate and the area of its decay",
        formula=(
            "L = L_0 + A S1^-alpha - C S2, S2 = sum_i m_i, m_i = lambda m_{i-1} + lr_{i-1} - lr_i"
        ),
        source="Tissue et al. 2024, arXiv 2408.11029",
        notes=(
            f"{CURVES} Steps at zero learning rate after a decay still lower its loss. There is no "
            "preset: the published constants were not at hand in a primary source; lambda is "
            "sampled."
        ),
        noise="curve(S)",
    )


LAWS: Mapping[str, Callable[..., Law]] = {"multi_power": multi_power, "annealing": annealing}
