"""One training run: a small decoder-only transformer on bytes, in JAX with optax.

The model has pre-norm blocks with RMSNorm, causal attention with rotary positions, a GELU
multilayer perceptron of four times the width, no biases, and one embedding matrix used both at
the input and, transposed, at the output.  Everything is float32.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from numpy.typing import NDArray

from corpus import Corpus

VOCAB = 256
LENGTH = 128
"""Tokens predicted in each sequence."""
CHUNK = 64
"""Optimiser steps in one compiled call; the steps of a run are a multiple of it."""
HELD_OUT_SEQUENCES = 4096
HELD_OUT_SEED = 0
EVALUATION_BATCH = 32
WARMUP_SHARE = 0.05
WARMUP_LEAST = 16
END_SHARE = 0.05
SCHEDULE = "cosine to 0, warm-up 5 % of the steps"

Params = dict[str, Any]
Report = Callable[[int], None]


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


@dataclass(frozen=True)
class Result:
    """Outcome of one run.

    Attributes
    ----------
    loss, loss_se
        Mean held-out loss in nats per byte, and its standard error over sequences.
    train_loss_end
        Mean training loss over the last 5 % of the steps.
    wall_seconds
        Time of compilation, training and evaluation together.
    sequence_losses
        Held-out loss of each sequence.
    """

    loss: float
    loss_se: float
    train_loss_end: float
    wall_seconds: float
    sequence_losses: NDArray[np.float32]


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


def make_optimizer(lr: float, steps: int) -> optax.GradientTransformation:
    """Return AdamW with clipping; weight decay acts on the matrices only."""
    warmup = max(WARMUP_LEAST, round(WARMUP_SHARE * steps))
    schedule = optax.warmup_cosine_decay_schedule(lr / warmup, lr, warmup, steps)
    return optax.chain(
        optax.clip_by_global_norm(1.0),
        optax.adamw(
            schedule,
            b1=0.9,
            b2=0.99,
            weight_decay=0.1,
            mask=lambda params: jax.tree.map(lambda leaf: leaf.ndim > 1, params),
        ),
    )


def gather(text: jax.Array, starts: jax.Array) -> jax.Array:
    """Cut sequences of ``LENGTH + 1`` bytes out of `text` at `starts`."""
    return text[starts[:, None] + jnp.arange(LENGTH + 1)].astype(jnp.int32)


def window_starts(n_bytes: int) -> NDArray[np.int32]:
    """Return the starts of all sequences, such that each byte is predicted at most once."""
    return np.arange(0, n_bytes - LENGTH, LENGTH, dtype=np.int32)


def fit(
    shape: Shape,
    text: NDArray[np.uint8],
    lr: float,
    steps: int,
    batch: int,
    seed: int,
    report: Report,
) -> tuple[Params, NDArray[np.float32]]:
    """Train one model in a single epoch.

    Parameters
    ----------
    shape
        Shape of the model.
    text
        Training bytes.
    lr
        Peak learning rate.
    steps
        Optimiser steps, a multiple of `CHUNK`.
    batch
        Sequences in each step.
    seed
        Seed of both the initial parameters and the order of the text.
    report
        Called with the number of tokens after each chunk of steps.

    Returns
    -------
    params
        Trained parameters.
    losses
        Training loss of each step.
    """
    order = np.random.default_rng(seed).permutation(window_starts(text.size))
    if steps % CHUNK or steps * batch > order.size:
        raise ValueError(f"steps must be a multiple of {CHUNK} and fit in one epoch, got {steps}")
    chunks = order[: steps * batch].reshape(-1, CHUNK, batch)
    optimizer = make_optimizer(lr, steps)
    on_device = jnp.asarray(text)

    def mean_loss(params: Params, sequences: jax.Array) -> jax.Array:
        return token_losses(params, sequences, shape.n_heads).mean()

    def step(carry: tuple[Params, Any], starts: jax.Array) -> tuple[tuple[Params, Any], jax.Array]:
        params, state = carry
        loss, gradient = jax.value_and_grad(mean_loss)(params, gather(on_device, starts))
        updates, state = optimizer.update(gradient, state, params)
        return (optax.apply_updates(params, updates), state), loss

    run_chunk = jax.jit(partial(jax.lax.scan, step), donate_argnums=0)
    params = init_params(shape, jax.random.key(seed))
    carry = params, optimizer.init(params)
    losses = []
    for starts in chunks:
        carry, chunk_losses = run_chunk(carry, starts)
        losses.append(np.asarray(chunk_losses))
        report(CHUNK * batch * LENGTH)
        if not np.isfinite(losses[-1]).all():
            break
    return carry[0], np.concatenate(losses)


def evaluate(params: Params, text: NDArray[np.uint8], n_heads: int) -> NDArray[np.float32]:
    """Return the mean loss of each sequence of the fixed held-out set."""
    starts = np.random.default_rng(HELD_OUT_SEED).permutation(window_starts(text.size))
    batches = starts[:HELD_OUT_SEQUENCES].reshape(-1, EVALUATION_BATCH)
    on_device = jnp.asarray(text)

    @jax.jit
    def batch_losses(params: Params, batches: jax.Array) -> jax.Array:
        return jax.lax.map(
            lambda starts: token_losses(params, gather(on_device, starts), n_heads).mean(axis=-1),
            batches,
        )

    return np.asarray(batch_losses(params, jnp.asarray(batches))).ravel()


def train(
    shape: Shape,
    corpus: Corpus,
    lr: float,
    steps: int,
    batch: int,
    seed: int,
    report: Report = lambda tokens: None,
) -> Result:
    """Train and evaluate one model; see `fit` for the parameters.

    Returns
    -------
    Result
        Losses and time; the losses of a diverged run are not finite.
    """
    started = time.monotonic()
    params, losses = fit(shape, corpus.train, lr, steps, batch, seed, report)
    held_out = evaluate(params, corpus.held_out, shape.n_heads)
    last = max(1, round(END_SHARE * steps))
    return Result(
        loss=float(held_out.mean(dtype=np.float64)),
        loss_se=float(held_out.std(ddof=1, dtype=np.float64) / held_out.size**0.5),
        train_loss_end=float(losses[-last:].mean(dtype=np.float64)),
        wall_seconds=time.monotonic() - started,
        sequence_losses=held_out,
    )
