"""Any platform that JAX compiles for: every program of a fit lowers for one that is not here.

No GPU is needed: lowering stops before the code of a machine is made. What this cannot tell is how
fast the programs run there, or whether the compiler for it has a defect.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bayescale import Runs, posterior
from bayescale.fitting import build_model
from bayescale.inference import cost, evaluate, nuts, point, rows, runtime
from bayescale.inference.runtime import Program, float64
from bayescale.model import LARGE, Model

PLATFORMS = ("cuda", "tpu")
ELSEWHERE = re.compile(r"\b(cuda|gpu|tpu|rocm|metal)\b", re.IGNORECASE)


def simulated(n: int) -> Runs:
    rng = np.random.default_rng(0)
    size, ratio = np.exp(rng.uniform(16, 23, n)), np.exp(rng.uniform(1, 5, n))
    loss = (1.8 + 480 * size**-0.35 + 2000 * (size * ratio) ** -0.37) * np.exp(0.005 * ratio**0)
    return Runs(
        columns={"N": size, "D": size * ratio, "loss": loss},
        mapping={},
        labels=tuple(map(str, range(n))),
    )


class Lowered:
    """Stands in for compilation: programs are traced, and lowered for another platform."""

    def __init__(self, platform: str) -> None:
        self.platform = platform
        self.texts: list[str] = []

    def prepare(self, program: Program, *arguments: Any) -> tuple[None, Any]:
        traced = jax.jit(program._function).trace(*arguments)
        assert not traced.jaxpr.effects
        lowered = traced.lower(lowering_platforms=(self.platform,))
        self.texts.append(lowered.as_text())
        shapes = jax.tree.map(lambda o: jax.ShapeDtypeStruct(o.shape, o.dtype), lowered.out_info)
        return None, shapes


@pytest.fixture(params=[False, True], ids=["host", "accelerator"])
def branch(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[bool]:
    """Both ways that the code goes: chains in threads, and chains as lanes."""
    caches = (nuts._programs, point._programs, evaluate._program, evaluate._sums)
    for module in (runtime, nuts, point, evaluate, cost):
        monkeypatch.setattr(module, "side_by_side", lambda: request.param)
    for cache in caches:
        cache.cache_clear()
    yield request.param
    for cache in caches:
        cache.cache_clear()


def all_programs(model: Model, runs: Runs) -> None:
    """Ask for every program of a fit and of what is read from it."""
    data = rows.arranged(model.data(runs), jax.devices()[:1])
    point.prepare(model, data)
    nuts.prepare(model.signature, data, nuts.Settings())
    evaluate.prepare(model.signature, data, 4000)
    d = len(model.parameters)
    with float64():
        cost._program(model.signature).prepare(np.zeros((8, 4, d)), data)
        if rows.is_large(data):
            at = {p.name: np.float64(1.0) for p in model.parameters}
            covariance = {name: np.zeros(3) for name in at}
            evaluate._summaries(model.signature).prepare(at, covariance, data)


@pytest.mark.parametrize(
    ("law", "platform"),
    [("chinchilla", "cuda"), ("chinchilla", "tpu"), ("skaling", "cuda"), ("subscaling", "cuda")],
)
def test_every_program_lowers_without_callbacks(
    law: str, platform: str, branch: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    lowered = Lowered(platform)
    monkeypatch.setattr(Program, "prepare", lambda self, *a: lowered.prepare(self, *a))
    model = build_model(law)
    for n in (100, LARGE + 100) if law == "chinchilla" else (100,):
        all_programs(model, simulated(n))
    assert len(lowered.texts) >= (14 if law == "chinchilla" else 6)
    for text in lowered.texts:
        assert "callback" not in text
        # Every number is a double, on every platform; NumPyro's kernel has no single in it either.
        assert "f32" not in text
    assert any("f64" in text for text in lowered.texts)


def test_what_a_fit_evaluates_lowers_too() -> None:
    law = build_model("chinchilla").law
    params = {p.name: np.zeros((4, 1)) for p in law.term.parameters}
    point_of = {name: np.zeros(5) for name in law.inputs}
    with float64():
        traced = posterior._log_law(law.term).trace(params, point_of, dict.fromkeys("ND", 0.0))
        for platform in PLATFORMS:
            assert "callback" not in traced.lower(lowering_platforms=(platform,)).as_text()


def test_a_callback_would_be_seen() -> None:
    def tells(x: Any) -> Any:
        jax.debug.print("{}", x)
        return x + 1

    def asks(x: Any) -> Any:
        return jax.pure_callback(np.sin, jax.ShapeDtypeStruct(x.shape, x.dtype), x)

    for function in (tells, asks):
        traced = jax.jit(function).trace(jnp.zeros(3))
        assert bool(traced.jaxpr.effects) == (function is tells)
        assert "callback" in traced.lower().as_text()
        for platform in PLATFORMS:  # a callback runs in this process, which has no such platform
            with pytest.raises(ValueError, match="platform"):
                traced.lower(lowering_platforms=(platform,))


def test_no_platform_is_named(root: Path) -> None:
    """JAX chooses; the code asks at most whether it is on the host."""
    for path in sorted((root / "bayescale").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        documentation = {
            id(node.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        }
        for node in ast.walk(tree):
            text = isinstance(node, ast.Constant) and isinstance(node.value, str)
            if text and id(node) not in documentation:
                assert not ELSEWHERE.search(node.value), f"{path.name}, line {node.lineno}"


def test_accelerators_keep_their_compilers_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Program(abs)._options == runtime.COMPILER_OPTIONS
    monkeypatch.setattr(runtime, "side_by_side", lambda: True)
    assert Program(abs)._options is None


def test_blocks_are_longer_on_an_accelerator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "side_by_side", lambda: True)
    data = {"mask": np.ones(300_000, bool)}
    assert rows.arranged(data, jax.devices()[:1])["mask"].shape == (1, 3, 131072)
