"""The rank of a truth among the draws of its posterior."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bayescale.inference.runtime import float64
from bayescale.laws.law import Law
from bayescale.model import LOSS_SCALE, Model, log_likelihood
from bayescale.posterior import Fit
from bayescale.runs import Runs
from bayescale.units import is_linear

__all__ = ["AHEAD", "LIKELIHOOD", "beyond", "quantities", "ranks"]

AHEAD = "loss at 10x"
LIKELIHOOD = "log likelihood"
"""What is ranked beside the parameters: the law's loss at ten times the compute, and the log
likelihood, which finds what ranks of parameters cannot, such as a posterior that ignored the data
(Modrak et al. 2023)."""


def quantities(model: Model) -> tuple[str, ...]:
    """What is ranked: all sampled parameters, the loss ahead and the log likelihood."""
    return (*(p.name for p in model.parameters), AHEAD, LIKELIHOOD)


def beyond(design: Runs, law: Law) -> dict[str, np.ndarray]:
    """The run of the largest product of inputs, grown tenfold in that product, shape ``(1,)``.

    For a law of N and D that is ten times the compute of the largest run, N and D grown alike; for
    a law of one input, ten times that input. A linear input, such as z, stays what it is, and so
    does the schedule of the run.
    """
    sizes = [name for name in law.inputs if not is_linear(name)]
    size = np.sum([np.log(design[name]) for name in sizes], axis=0)
    largest = int(np.argmax(size))
    growth = {name: 10.0 ** (1.0 / len(sizes)) for name in sizes}
    found = {name: design[name][[largest]] * growth.get(name, 1.0) for name in law.inputs}
    return found | {name: design[name][[largest]] for name in law.paths}


def ranks(
    fit: Fit, truth: Mapping[str, float], ahead: Mapping[str, np.ndarray], n_draws: int
) -> dict[str, int]:
    """How many of ``n_draws`` thinned draws lie below the truth, by quantity.

    Parameters
    ----------
    fit : Fit
        Its draws are thinned evenly, over all chains; draws of a Laplace fit are independent but
        for repetitions of those with large weights.
    truth : mapping of str to float
        The sampled parameters.
    ahead : mapping of str to array, shape (1,)
        Inputs of the loss ahead, and the paths of the law.
    n_draws : int
    """
    total = fit.log_likelihood_sum.size
    some = np.arange(n_draws) * total // n_draws
    below = {
        name: int(np.sum(values.ravel()[some] < truth[name])) for name, values in fit.draws.items()
    }
    point = {name: v for name, v in fit.reference.items() if name != LOSS_SCALE}
    signature = fit.model.signature
    with float64():
        x = fit.law.coordinates(ahead)
        true_loss = float(np.squeeze(fit.law.term.log_value(truth, x, point)))
        data = fit.model.data(fit.runs, fit.reference)
        true_likelihood = float(np.sum(np.asarray(log_likelihood(signature, truth, data))))
    drawn_loss = fit.log_law(ahead)
    below[AHEAD] = int(np.sum(drawn_loss.ravel()[some] < true_loss))
    below[LIKELIHOOD] = int(np.sum(fit.log_likelihood_sum.ravel()[some] < true_likelihood))
    return below
