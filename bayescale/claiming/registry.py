"""The claims that runs are held to: one entry each.

A new claim is one entry here: what the paper says, what the runs must have, and a question with
the laws that it fits. A claim whose law this version does not have is listed with that.
"""

from __future__ import annotations

from bayescale.claiming.claim import CHEN, KAPLAN, Claim
from bayescale.claiming.measures import (
    data_growth,
    late_over_early,
    log_data_bound,
    optimal_growth,
    parameter,
    ratio,
    sample_efficiency,
    shape_effect,
    size_exponent,
)
from bayescale.claiming.needs import Columns, Curve, Curves, Levels, Off, Varied
from bayescale.claiming.question import Agreement, EverySize, Factor, Forward, Value

__all__ = ["CLAIMS"]

JOINT = ("chinchilla", "skaling", "subscaling")
"""Laws of N and D by which allocation is judged, pooled by their posterior probability."""

FLOOR = "kaplan_floor"
"""What the runs may prefer to Kaplan's law, so that its parameters mean little."""

N_AND_D = (Varied(("N", "D")),)

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "deceleration",
        CHEN,
        "Gains slow down beyond a power law as the input grows.",
        "log Bayes factor of one break over a power law with a floor",
        "stated, without a number",
        (Curve(),),
        Factor("bnsl({x})", ("power_floor({x})",)),
    ),
    Claim(
        "deceleration-exponent",
        CHEN,
        "The local exponent falls along a curve.",
        "change of the local exponent from the first to the last tenth, floor free",
        "below zero",
        (Curve(),),
        Value(("bnsl({x})",), late_over_early, "the change of the local exponent", high=0.0),
    ),
    Claim(
        "over-training",
        CHEN,
        "Over-training (large D/N) makes the loss fall short of the law of N and D.",
        "log Bayes factor of the over-training modifier over none, and over an outer exponent",
        "stated, without a number",
        (*N_AND_D, Off(10.0)),
        Factor("subscaling", ("chinchilla", "skaling")),
    ),
    Claim(
        "over-training-rates",
        CHEN,
        "Over-training grows the terms at the published rates.",
        "growth of the data term at the 95 % quantile of D/N, over the published growth there",
        "1 (rho = 1/3, k_D = 0.0081, k_N = 0.00114)",
        (*N_AND_D, Off(10.0)),
        Agreement(
            ("subscaling",), data_growth, "the growth of the data term over the published", 1.0
        ),
    ),
    Claim(
        "exponent-by-ratio",
        CHEN,
        "The exponent of compute depends on the over-training ratio.",
        "log Bayes factor of the per-OTR law over a constant exponent",
        "stated, without a number",
        (*N_AND_D, Off(10.0)),
        Factor(
            "per_otr",
            ("gadre",),
            "per_otr has no floor and gadre has one: the factor is of that too. See delta, below.",
        ),
    ),
    Claim(
        "exponent-falls-to-50",
        CHEN,
        "The exponent of compute falls up to a ratio of about 50.",
        "its rise below the threshold, delta",
        "above zero; threshold 50 (20 in an appendix)",
        (*N_AND_D, Off(10.0)),
        Value(("per_otr",), parameter("delta"), "delta", low=0.0),
    ),
    Claim(
        "exponent-beyond-50",
        CHEN,
        "Beyond a ratio of about 50 the exponent of compute is about 0.052.",
        "mu, the exponent at large ratios",
        "0.0521",
        (*N_AND_D, Off(10.0)),
        Agreement(("per_otr",), parameter("mu"), "mu", 0.0521),
    ),
    Claim(
        "density",
        CHEN,
        "Dense (redundant) data sub-scale more.",
        "kappa, the effect of the redundancy score on the data term",
        "above zero",
        (*N_AND_D, Levels("z", 5, "corpora of different redundancy")),
        Value(("dense",), parameter("kappa"), "kappa", low=0.0),
    ),
    Claim(
        "optimal-allocation",
        CHEN,
        "The optimal allocation avoids sub-scaling.",
        "growth of the reducible loss by over-training at the compute-optimal D/N",
        "below 0.05 (0.045 by the published fit at D/N = 50)",
        (*N_AND_D, Off(10.0)),
        Value(
            ("subscaling",),
            optimal_growth,
            "the growth of the reducible loss at the optimum",
            high=0.05,
        ),
    ),
    Claim(
        "every-size",
        CHEN,
        "The new law predicts better than Kaplan's and Chinchilla's at every size.",
        "leave-one-out log density by size",
        "stated; the paper's own tables do not support every size",
        (*N_AND_D, Off(10.0)),
        EverySize("subscaling", ("kaplan", "chinchilla")),
    ),
    Claim(
        "power-law",
        KAPLAN,
        "The loss is a power law of N, of D, or of C, without a floor.",
        "log Bayes factor of a power law without a floor over one with",
        "stated",
        (Curve(),),
        Factor("power({x})", ("power_floor({x})",)),
    ),
    Claim(
        "power-law-exponent",
        KAPLAN,
        "The exponents are 0.076 (N), 0.095 (D) and 0.050 (C).",
        "alpha, the log-slope of the whole loss",
        "0.076, 0.095, 0.050",
        (Curve(),),
        Agreement(
            ("power({x})",),
            parameter("alpha"),
            "alpha",
            {"N": 0.076, "D": 0.095, "C": 0.050},
            rival="power_floor({x})",
        ),
    ),
    Claim(
        "joint-power-law",
        KAPLAN,
        "The joint law of N and D has no floor.",
        "log Bayes factor of eq. 1.5 over the same with a floor",
        "stated",
        N_AND_D,
        Factor("kaplan", ("kaplan_floor",)),
    ),
    Claim(
        "overfitting-ratio",
        KAPLAN,
        "Overfitting depends on N^0.74/D.",
        "alpha_N/alpha_D",
        "0.74",
        N_AND_D,
        Value(
            ("kaplan",),
            ratio("alpha_N", "alpha_D"),
            "alpha_N/alpha_D",
            low=0.69,
            high=0.79,
            rival=FLOOR,
        ),
    ),
    Claim(
        "data-bound",
        KAPLAN,
        "A model of N parameters needs 5e3 N^0.74 tokens to keep overfitting below 2 %.",
        "log10 of that bound at 1e9 parameters, by eq. 1.5",
        "10.36 (2.3e10 tokens)",
        N_AND_D,
        Agreement(
            ("kaplan",),
            log_data_bound,
            "log10 of the data bound at 1e9 parameters",
            10.36,
            rival=FLOOR,
        ),
    ),
    Claim(
        "sample-efficiency",
        KAPLAN,
        "Larger models are more sample-efficient.",
        "elasticity of the tokens to a loss in N, at the geometric mean of the runs (every law of "
        "N and D here has it below zero; the runs say how far)",
        "below zero",
        N_AND_D,
        Value(JOINT, sample_efficiency, "the elasticity d ln D/d ln N at fixed loss", high=0.0),
    ),
    Claim(
        "allocation",
        KAPLAN,
        "The compute-optimal size grows as C^0.73.",
        "the exponent a of N* in C",
        "0.73 (Hoffmann et al. 2022: 0.46 to 0.50)",
        N_AND_D,
        Value(JOINT, size_exponent, "the exponent a of N* in C", low=0.68, high=0.78),
    ),
    Claim(
        "predictable-curves",
        KAPLAN,
        "Training curves are predictable from their first part.",
        "coverage of the late part by the bands of a fit to the early part",
        "stated",
        (Columns(("N", "S", "B")), Curves()),
        Forward("kaplan_steps", "S"),
    ),
    Claim(
        "stop-early",
        KAPLAN,
        "Compute-efficient training stops about 10 % above the converged loss.",
        "alpha_N/alpha_S",
        "0.10, taken as 0.08 to 0.12",
        (Varied(("N", "S")), Columns(("B",))),
        Value(
            ("kaplan_steps",), ratio("alpha_N", "alpha_S"), "alpha_N/alpha_S", low=0.08, high=0.12
        ),
    ),
    Claim(
        "critical-batch",
        KAPLAN,
        "The critical batch grows as a power of the loss, with exponent 4.8.",
        "p_B = 1/alpha_B, from a table of critical batches by loss",
        "4.8",
        (Levels("L", 4, "losses at which the critical batch was measured"),),
        Agreement(("critical_batch_loss",), parameter("p_B"), "p_B", 4.8),
    ),
    Claim(
        "shape",
        KAPLAN,
        "The shape of the network moves the loss by less than 3 %.",
        "largest rise of the loss over the aspect ratios seen",
        "below 0.03",
        (*N_AND_D, Levels("aspect", 4, "aspect ratios d_model/n_layer")),
        Value(("shape",), shape_effect, "the rise of the loss by the worst shape", high=0.03),
    ),
)
"""All claims, in the order in which they are told."""
