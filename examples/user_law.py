"""A law of one's own: a data term that knows the critical batch size.

Above the critical batch size more of every batch is redundant: ``D`` tokens at batch size ``B`` are
worth ``D / (1 + B / B_crit)`` tokens at a small batch (McCandlish et al. 2018, arXiv 1812.06162;
Kaplan et al. 2020, arXiv 2001.08361, eq. 5.5). Here ``B_crit`` is one number; both papers let it
grow as the loss falls.

Run it with ``python examples/user_law.py``. It invents 60 runs from known numbers, fits the law to
them, forecasts at a batch size of 16M tokens, and says what it recovered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

import bayescale as bs
from bayescale.laws import Irreducible, Law, Pair, Parameter, Power, Term, register


@dataclass(frozen=True)
class BatchAwareData(Term):
    """The data term ``A_D * (D / (1 + B / B_crit))**-beta``."""

    inputs = ("D", "B")
    parameters = (
        Parameter("T_D", "contribution", "loss", "contribution of D at the reference"),
        Parameter("beta", "exponent", "1", "exponent of D"),
        Parameter("B_crit", "rate", "tokens", "critical batch size", bs.prior.LogNormal(1e6, 1.5)),
    )
    pairs = (Pair("D", "T_D", "beta"),)  # the data fix beta * T_D: the sampler is told
    expression = "batch_aware_data"

    def _log_tokens(self, params: Any, x: Any) -> Any:
        return x["D"] - jnp.log1p(jnp.exp(x["B"]) / params["B_crit"])

    def log_value(self, params: Any, x: Any, reference: Any) -> Any:
        distance = self._log_tokens(params, x) - self._log_tokens(params, reference)
        return jnp.log(params["T_D"]) - params["beta"] * distance

    # Between the contribution at the reference, which is sampled, and the field's amplitude A_D.
    def to_field(self, params: Any, reference: Any, log_gain: Any = 0.0) -> dict[str, Any]:
        gain = log_gain + params["beta"] * self._log_tokens(params, reference)
        own = {name: params[name] for name in ("beta", "B_crit")}
        return {"A_D": params["T_D"] * jnp.exp(gain), **own}

    def from_field(self, field: Any, reference: Any, log_gain: Any = 0.0) -> dict[str, Any]:
        gain = log_gain + field["beta"] * self._log_tokens(field, reference)
        own = {name: field[name] for name in ("beta", "B_crit")}
        return {"T_D": field["A_D"] * jnp.exp(-gain), **own}


LAW = register(
    Law(
        name="batch_aware",
        term=Irreducible() + Power("N") + BatchAwareData(),
        title="Chinchilla whose tokens lose worth above a critical batch size",
        formula="L = E + A / N^alpha + A_D / [D / (1 + B / B_crit)]^beta",
        source="examples/user_law.py",
    )
)
TRUTH = {"E": 1.82, "A": 482.0, "alpha": 0.348, "A_D": 2085.0, "beta": 0.366, "B_crit": 1e6}


def invented_runs(seed: int = 0) -> bs.Runs:
    """60 runs: sizes off the frontier, batches from 65k to 17M tokens, noise of 0.5 %."""
    rng = np.random.default_rng(seed)
    n = 10 ** rng.uniform(7.8, 9.8, 60)
    inputs = {"N": n, "D": n * 10 ** rng.uniform(0.7, 2.3, 60), "B": 2.0 ** rng.uniform(16, 24, 60)}
    noise = np.exp(0.005 * rng.standard_normal(60))
    return bs.read_runs({**inputs, "loss": LAW.loss(inputs, TRUTH) * noise})


def main(method: str = "nuts") -> tuple[bs.Fit, bs.Forecast]:
    """Fit the law to invented runs, and forecast."""
    fit = bs.fit(LAW, invented_runs(), method=method, seed=0)
    ahead = bs.forecast(fit, {"N": "10B", "D": "1T", "B": [1e6, 16e6]})
    print(fit.text())
    table = fit.table()[["q05", "q50", "q95", "contraction"]]
    table = table.assign(truth=[TRUTH.get(name, np.nan) for name in table.index])
    print(table.to_string(float_format="{:.4g}".format, na_rep=""))
    print(ahead.text())
    return fit, ahead


if __name__ == "__main__":
    main()
