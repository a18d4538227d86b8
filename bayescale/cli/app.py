"""The application: commands, exit codes, and how errors and warnings reach a terminal."""

from __future__ import annotations

import sys
import warnings
from importlib.metadata import version
from typing import Any, NoReturn

from cyclopts import App, CycloptsError

from bayescale.cli.allocate import allocate
from bayescale.cli.backtest import backtest
from bayescale.cli.claims import claims
from bayescale.cli.compare import compare
from bayescale.cli.datasets import datasets
from bayescale.cli.demo import demo
from bayescale.cli.fit import fit
from bayescale.cli.forecast import forecast
from bayescale.cli.inspect import inspect
from bayescale.cli.laws import laws
from bayescale.cli.plan import plan
from bayescale.cli.plot import plot
from bayescale.cli.report import report
from bayescale.cli.score import score
from bayescale.cli.summary import summary
from bayescale.errors import BayescaleError

__all__ = ["app", "run"]

GOOD, BAD_INPUT = 0, 2

app = App(
    name="bayescale",
    help=(
        "Bayesian inference of scaling laws: fit, forecast, and know how far to trust it.\n\n"
        "Exit codes: 0 good; 2 bad usage or bad input; 3 computed but not to be vouched for."
    ),
    version=lambda: version("bayescale"),
    help_format="plaintext",
    suppress_keyboard_interrupt=False,  # an interrupt is answered in run
)
for command in (
    demo,
    datasets,
    laws,
    inspect,
    fit,
    summary,
    forecast,
    allocate,
    plan,
    compare,
    claims,
    backtest,
    plot,
    report,
    score,
):
    app.command(command)


def run(arguments: list[str] | None = None) -> NoReturn:
    """Run one command and exit with its code."""
    warnings.showwarning = _show_warning  # type: ignore[assignment]
    try:
        code = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except BayescaleError as error:
        _fail(f"{error}")
    except CycloptsError as error:
        _fail(f"{_one_line(error)} See bayescale --help, or bayescale COMMAND --help.")
    except KeyboardInterrupt:
        print("Interrupted; nothing was written.", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(GOOD)
    sys.exit(code if isinstance(code, int) else GOOD)


def _one_line(error: CycloptsError) -> str:
    text = " ".join(str(error).split())
    return text if text.endswith((".", "?", "!")) else f"{text}."


def _fail(message: str) -> NoReturn:
    print(f"error: {message}", file=sys.stderr)
    sys.exit(BAD_INPUT)


def _show_warning(message: Warning | str, *_: Any) -> None:
    print(f"warning: {message}", file=sys.stderr)
