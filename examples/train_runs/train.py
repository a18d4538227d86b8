"""One training run: a small decoder-only transformer on bytes, in JAX with optax.

The model has pre-norm blocks with RMSNorm, causal attention with rotary positions, a GELU
multilayer perceptron of four times the width, no biases, and one embedding matrix used both at
the input and, transposed, at the output.  Everything is float32.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from numpy.typing import NDArray

VOCAB = 256
LENGTH = 128
"""Tokens predicted in each sequence."""
CHUNK = 64
"""Most optimiser steps in one compiled call."""
HELD_OUT_SEQUENCES = 4096
HELD_OUT_SEED = 0
EVALUATION_BATCH = 32

Params = dict[str, Any]
Report = Callable[[int], None]
Observer = Callable[[Params], None]


@dataclass(frozen=True)
class Shape:
    """Shape of a model.

    Attributes
    ----------
    n_layers, d_model, n_heads
        Number of blocks, width of the residual stream, attention heads of each block.
    """

    n_layers: int
    d_model: int
    n_heads: int

    @property
    def n_params_no_embed(self) -> int:
        """Parameters outside the embedding matrix."""
        return self.n_layers * (12 * self.d_model**2 + 2 * self.d_model) + self.d_model

    @property
    def n_params(self) -> int:
        """All parameters; the tied embedding matrix counts once."""
        return self.n_params_no_embed + VOCAB * self.d_model

    @property
    def flops_per_token(self) -> int:
        """Floating-point operations of all matrix products, forward and backward.

        Attention counts every pair of positions, masked ones too, as they are computed.
        """
        blocks = self.n_layers * (24 * self.d_model**2 + 4 * LENGTH * self.d_model)
        return 3 * (blocks + 2 * VOCAB * self.d_model)


def init_params(shape: Shape, key: jax.Array) -> Params:
    """Draw the initial parameters: normal, of variance one over the fan-in.

    The matrices that write to the residual stream are smaller by the square root of twice the
    number of blocks, and the embeddings by a factor of two.
    """
    d, layers = shape.d_model, shape.n_layers
    keys = iter(jax.random.split(key, 1 + 4 * layers))

    def normal(rows: int, columns: int, scale: float = 1.0) -> jax.Array:
        return jax.random.normal(next(keys), (rows, columns)) * (scale * rows**-0.5)

    residual = (2 * layers) ** -0.5
    embed = 0.5 * d**-0.5 * jax.random.normal(next(keys), (VOCAB, d))
    blocks = [
        {
            "attend_norm": jnp.ones(d),
            "qkv": normal(d, 3 * d),
            "attend_out": normal(d, d, residual),
            "mlp_norm": jnp.ones(d),
            "mlp_in": normal(d, 4 * d),
            "mlp_out": normal(4 * d, d, residual),
        }
        for _ in range(layers)
    ]
    return {"embed": embed, "blocks": blocks, "final_norm": jnp.ones(d)}


def rms_norm(x: jax.Array, gain: jax.Array) -> jax.Array:
    """Scale `x` to unit root mean square along its last axis, times `gain`."""
    return x * jax.lax.rsqrt(jnp.mean(x * x, axis=-1, keepdims=True) + 1e-6) * gain


def rotate(x: jax.Array) -> jax.Array:
    """Apply rotary position embedding to ``(batch, heads, positions, width)``."""
    half = x.shape[-1] // 2
    angles = jnp.arange(x.shape[-2])[:, None] * 1000.0 ** (-jnp.arange(half) / half)
    cos, sin = jnp.cos(angles), jnp.sin(angles)
    first, second = x[..., :half], x[..., half:]
    return jnp.concatenate([first * cos - second * sin, first * sin + second * cos], axis=-1)


def attend(x: jax.Array, block: Params, n_heads: int) -> jax.Array:
    """Causal self-attention."""
    batch, length, d = x.shape
    split = (x @ block["qkv"]).reshape(batch, length, 3, n_heads, d // n_heads)
    q, k, v = split.transpose(2, 0, 3, 1, 4)
    scores = rotate(q) @ rotate(k).swapaxes(-1, -2) * (d // n_heads) ** -0.5
    causal = jnp.tril(jnp.ones((length, length), bool))
    weights = jax.nn.softmax(jnp.where(causal, scores, -1e9), axis=-1)
    return (weights @ v).transpose(0, 2, 1, 3).reshape(batch, length, d) @ block["attend_out"]


def token_losses(params: Params, sequences: jax.Array, n_heads: int) -> jax.Array:
    """Return the loss of each predicted byte in nats, for ``(batch, LENGTH + 1)`` bytes."""
    x = params["embed"][sequences[:, :-1]]
    for block in params["blocks"]:
        x = x + attend(rms_norm(x, block["attend_norm"]), block, n_heads)
        hidden = jax.nn.gelu(rms_norm(x, block["mlp_norm"]) @ block["mlp_in"])
        x = x + hidden @ block["mlp_out"]
    logits = rms_norm(x, params["final_norm"]) @ params["embed"].T
    hit = sequences[:, 1:, None] == jnp.arange(VOCAB)
    return jax.nn.logsumexp(logits, axis=-1) - jnp.sum(jnp.where(hit, logits, 0.0), axis=-1)


def make_optimizer() -> optax.GradientTransformation:
    """Return AdamW with clipping and a learning rate of one; see `apply` for the rate.

    Weight decay acts on the matrices only. Two moments in float32, as in ``optax.adamw``.
    """
    return optax.chain(
        optax.clip_by_global_norm(1.0),
        optax.scale_by_adam(b1=0.9, b2=0.99),
        optax.add_decayed_weights(
            0.1, mask=lambda params: jax.tree.map(lambda leaf: leaf.ndim > 1, params)
        ),
    )


def gather(text: jax.Array, starts: jax.Array) -> jax.Array:
    """Cut sequences of ``LENGTH + 1`` bytes out of `text` at `starts`."""
    return text[starts[:, None] + jnp.arange(LENGTH + 1)].astype(jnp.int32)


def window_starts(n_bytes: int) -> NDArray[np.int32]:
    """Return the starts of all sequences, such that each byte is predicted at most once."""
    return np.arange(0, n_bytes - LENGTH, LENGTH, dtype=np.int32)


def order_of_text(
    n_bytes: int, sequences: int, epochs: int, rng: np.random.Generator
) -> NDArray[np.int32]:
    """Return the starts of the sequences of a run, in order.

    Parameters
    ----------
    n_bytes
        Length of the text.
    sequences
        Sequences in the whole run, a multiple of `epochs`.
    epochs
        How often each chosen sequence occurs: once in each epoch, in a new order.
    rng
        Decides which sequences are chosen and in which order.

    Raises
    ------
    ValueError
        If the text is too short or the run is not a whole number of epochs.
    """
    order = rng.permutation(window_starts(n_bytes))
    unique, rest = divmod(sequences, epochs)
    if rest or unique > order.size:
        raise ValueError(
            f"{sequences} sequences in {epochs} epochs need {sequences / epochs:g} sequences of "
            f"text, a whole number of at most {order.size}"
        )
    first = order[:unique]
    return np.concatenate([first, *(rng.permutation(first) for _ in range(epochs - 1))])


@partial(jax.jit, static_argnames=("n_heads",), donate_argnums=(0,))
def advance(
    carry: tuple[Params, Any],
    text: jax.Array,
    starts: jax.Array,
    rates: jax.Array,
    count: jax.Array,
    n_heads: int,
) -> tuple[tuple[Params, Any], jax.Array]:
    """Do the first `count` of the ``(CHUNK, batch)`` steps; return their losses too."""
    optimizer = make_optimizer()

    def mean_loss(params: Params, sequences: jax.Array) -> jax.Array:
        return token_losses(params, sequences, n_heads).mean()

    def step(i: jax.Array, state: tuple[Params, Any, jax.Array]) -> tuple[Params, Any, jax.Array]:
        params, moments, losses = state
        loss, gradient = jax.value_and_grad(mean_loss)(params, gather(text, starts[i]))
        updates, moments = optimizer.update(gradient, moments, params)
        params = jax.tree.map(lambda leaf, update: leaf - rates[i] * update, params, updates)
        return params, moments, losses.at[i].set(loss)

    params, moments, losses = jax.lax.fori_loop(0, count, step, (*carry, jnp.zeros(CHUNK)))
    return (params, moments), losses


def fit(
    shape: Shape,
    text: NDArray[np.uint8],
    rates: NDArray[np.float32],
    batch: int,
    seed: int,
    epochs: int = 1,
    report: Report = lambda tokens: None,
    observe: Mapping[int, Observer] | None = None,
) -> tuple[Params, NDArray[np.float32]]:
    """Train one model.

    Parameters
    ----------
    shape
        Shape of the model.
    text
        Training bytes.
    rates
        Learning rate of each step.
    batch
        Sequences in each step.
    seed
        Seed of both the initial parameters and the order of the text.
    epochs
        Passes over the text that the run sees.
    report
        Called with the number of tokens after each chunk of steps.
    observe
        Called with the parameters after this many steps, by the number of steps.

    Returns
    -------
    params
        Trained parameters.
    losses
        Training loss of each step; shorter than `rates` if the run diverged.
    """
    observe = observe or {}
    steps = rates.size
    rng = np.random.default_rng(seed)
    order = order_of_text(text.size, steps * batch, epochs, rng).reshape(steps, batch)
    on_device = jnp.asarray(text)
    params = init_params(shape, jax.random.key(seed))
    carry = params, make_optimizer().init(params)
    losses = []
    done = 0
    while done < steps:
        due = [step for step in observe if done < step < done + CHUNK]
        count = min([CHUNK, steps - done, *(step - done for step in due)])
        starts = np.zeros((CHUNK, batch), np.int32)
        starts[:count] = order[done : done + count]
        chunk_rates = np.zeros(CHUNK, np.float32)
        chunk_rates[:count] = rates[done : done + count]
        carry, chunk_losses = advance(carry, on_device, starts, chunk_rates, count, shape.n_heads)
        losses.append(np.asarray(chunk_losses)[:count])
        done += count
        report(count * batch * LENGTH)
        if not np.isfinite(losses[-1]).all():
            break
        if done in observe:
            observe[done](carry[0])
    return carry[0], np.concatenate(losses)


@partial(jax.jit, static_argnames=("n_heads",))
def _sequence_losses(
    params: Params, text: jax.Array, batches: jax.Array, n_heads: int
) -> jax.Array:
    def of_batch(starts: jax.Array) -> jax.Array:
        return token_losses(params, gather(text, starts), n_heads).mean(axis=-1)

    return jax.lax.map(of_batch, batches)


def evaluate(
    params: Params, text: NDArray[np.uint8], n_heads: int, sequences: int = HELD_OUT_SEQUENCES
) -> NDArray[np.float32]:
    """Return the mean loss of each sequence of the fixed held-out set, or of its first ones."""
    starts = np.random.default_rng(HELD_OUT_SEED).permutation(window_starts(text.size))
    batches = jnp.asarray(starts[:sequences].reshape(-1, EVALUATION_BATCH))
    return np.asarray(_sequence_losses(params, jnp.asarray(text), batches, n_heads)).ravel()


def log_spaced_steps(steps: int, count: int, first: int = 8) -> list[int]:
    """Return at most `count` whole numbers of steps up to `steps`, evenly spaced in logarithm."""
    return sorted(set(np.geomspace(min(first, steps), steps, count).round().astype(int).tolist()))
