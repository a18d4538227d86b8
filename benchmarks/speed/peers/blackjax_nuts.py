"""blackjax: window adaptation with a dense mass matrix, then NUTS; one jitted program."""

from __future__ import annotations

import blackjax
import jax
import jax.numpy as jnp
from jax.scipy import stats
from measure import CHAINS, DRAWS, Draws, Problem, measure

jax.config.update("jax_enable_x64", True)
WARMUP = 500


def constrained(u: jax.Array, reference: jax.Array) -> dict[str, jax.Array]:
    return {
        "E": reference * jax.nn.sigmoid(u[0]),
        "T_N": jnp.exp(u[1]),
        "T_D": jnp.exp(u[2]),
        "alpha": jnp.exp(u[3]),
        "beta": jnp.exp(u[4]),
        "sigma": jnp.exp(u[5]),
        "nu": 2.0 + jnp.exp(u[6]),
    }


def log_density(
    u: jax.Array,
    log_n: jax.Array,
    log_d: jax.Array,
    log_loss: jax.Array,
    reference: jax.Array,
) -> jax.Array:
    """Log posterior density of the unconstrained parameters, whose priors are normal but one."""
    p = constrained(u, reference)
    prior = (
        stats.norm.logpdf(u[0], 0.4, 1.2)
        + stats.norm.logpdf(u[1:3], jnp.log(0.2 * reference), 0.8).sum()
        + stats.norm.logpdf(u[3:5], jnp.log(0.3), 0.5).sum()
        + stats.norm.logpdf(u[5], jnp.log(0.01), 1.5)
        + stats.gamma.logpdf(p["nu"] - 2.0, 1.0, scale=10.0)
        + u[6]
    )
    mean = jnp.log(
        p["E"] + p["T_N"] * jnp.exp(-p["alpha"] * log_n) + p["T_D"] * jnp.exp(-p["beta"] * log_d)
    )
    return prior + stats.t.logpdf(log_loss, p["nu"], mean, p["sigma"]).sum()


START = jnp.log(jnp.array([1.5, 0.4, 0.4, 0.3, 0.3, 0.02, 10.0]))


@jax.jit
def sample(
    key: jax.Array,
    log_n: jax.Array,
    log_d: jax.Array,
    log_loss: jax.Array,
    reference: jax.Array,
) -> dict[str, jax.Array]:
    def density(u: jax.Array) -> jax.Array:
        return log_density(u, log_n, log_d, log_loss, reference)

    def chain(key: jax.Array) -> jax.Array:
        start, warmup, draws = jax.random.split(key, 3)
        adaptation = blackjax.window_adaptation(
            blackjax.nuts, density, is_mass_matrix_diagonal=False
        )
        first = START + 0.1 * jax.random.normal(start, START.shape)
        (state, tuned), _ = adaptation.run(warmup, first, num_steps=WARMUP)
        step = blackjax.nuts(density, **tuned).step

        def one(state, key):
            state, _ = step(key, state)
            return state, state.position

        return jax.lax.scan(one, state, jax.random.split(draws, DRAWS))[1]

    positions = jax.vmap(chain)(jax.random.split(key, CHAINS))
    return jax.vmap(jax.vmap(constrained, (0, None)), (0, None))(positions, reference)


def fit(problem: Problem, seed: int) -> Draws:
    return jax.device_get(sample(jax.random.key(seed), *problem))


if __name__ == "__main__":
    measure(fit, ("blackjax", "jax"), sample.clear_cache)
