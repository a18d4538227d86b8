"""One run of a designed study, before it is trained."""

from __future__ import annotations

from dataclasses import dataclass

from train import LENGTH, Shape


@dataclass(frozen=True)
class Run:
    """One run of a design.

    Attributes
    ----------
    name
        Unique name; it starts with the cell, such as ``n3-d4``.
    role
        What the run is for; the designs say which there are.
    shape
        Shape of the model.
    steps, batch
        Optimiser steps, and sequences in each.
    lr
        Peak learning rate.
    seed
        Seed of the initial parameters and of the order of the text.
    corpus
        Name of the training text, one of `corpora.RECIPES` or ``"base"``.
    epochs
        Passes over the text that the run sees.
    schedule
        Name of the learning-rate schedule, one of `schedules.SCHEDULES`.
    curve
        Whether the held-out loss is measured along the run.
    noise_scale
        Whether the gradient noise scale is measured along the run.
    """

    name: str
    role: str
    shape: Shape
    steps: int
    batch: int
    lr: float
    seed: int
    corpus: str = "base"
    epochs: int = 1
    schedule: str = "cosine"
    curve: bool = False
    noise_scale: bool = False

    @property
    def tokens(self) -> int:
        """Training tokens, repeats counted."""
        return self.steps * self.batch * LENGTH

    @property
    def unique_tokens(self) -> int:
        """Training tokens of one epoch."""
        return self.tokens // self.epochs

    @property
    def flops(self) -> int:
        """Floating-point operations by the rule ``6 N D``."""
        return 6 * self.shape.n_params * self.tokens

    @property
    def flops_exact(self) -> int:
        """Floating-point operations of the matrix products of training."""
        return self.tokens * self.shape.flops_per_token
