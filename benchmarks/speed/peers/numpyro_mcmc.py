"""NumPyro's own driver: NUTS, dense mass matrix, one MCMC object for all fits.

``jit_model_args`` lets the second fit reuse the first one's programs. Vectorised chains: on few
cores they are the fastest of NumPyro's three ways.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from measure import CHAINS, DRAWS, Draws, Problem, measure
from numpyro.infer import MCMC, NUTS

numpyro.enable_x64()
WARMUP = 500


def model(log_n: jax.Array, log_d: jax.Array, log_loss: jax.Array, reference: jax.Array) -> None:
    share = numpyro.sample(
        "share",
        dist.TransformedDistribution(dist.Normal(0.4, 1.2), dist.transforms.SigmoidTransform()),
    )
    floor = numpyro.deterministic("E", share * reference)
    t_n = numpyro.sample("T_N", dist.LogNormal(jnp.log(0.2 * reference), 0.8))
    t_d = numpyro.sample("T_D", dist.LogNormal(jnp.log(0.2 * reference), 0.8))
    alpha = numpyro.sample("alpha", dist.LogNormal(jnp.log(0.3), 0.5))
    beta = numpyro.sample("beta", dist.LogNormal(jnp.log(0.3), 0.5))
    sigma = numpyro.sample("sigma", dist.LogNormal(jnp.log(0.01), 1.5))
    nu = numpyro.deterministic("nu", 2.0 + numpyro.sample("nu_above_2", dist.Exponential(0.1)))
    mean = jnp.log(floor + t_n * jnp.exp(-alpha * log_n) + t_d * jnp.exp(-beta * log_d))
    numpyro.sample("log_loss", dist.StudentT(nu, mean, sigma), obs=log_loss)


@functools.cache
def driver() -> MCMC:
    return MCMC(
        NUTS(model, dense_mass=True),
        num_warmup=WARMUP,
        num_samples=DRAWS,
        num_chains=CHAINS,
        chain_method="vectorized",
        progress_bar=False,
        jit_model_args=True,
    )


def fit(problem: Problem, seed: int) -> Draws:
    mcmc = driver()
    mcmc.run(jax.random.key(seed), *(jnp.asarray(part) for part in problem))
    return jax.device_get(mcmc.get_samples(group_by_chain=True))


if __name__ == "__main__":
    measure(fit, ("numpyro", "jax"), driver.cache_clear)
