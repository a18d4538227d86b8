"""Write the answers of ``examples/tiny_subscaling.py`` into ``docs/tiny-subscaling.md``.

    python docs/make_tiny.py

The page is prose with a block ``<!-- answer: NAME -->`` for each question; what the question prints
takes the place of the fenced text that follows. The pictures are drawn into ``docs/figures``.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import re
import sys
from pathlib import Path
from types import ModuleType

DOCS = Path(__file__).resolve().parent
PAGE = DOCS / "tiny-subscaling.md"
BLOCK = re.compile(r"(<!-- answer: (\w+) -->\n```text\n)(.*?)(```\n)", re.S)


def example() -> ModuleType:
    """The example, as a module."""
    path = DOCS.parent / "examples" / "tiny_subscaling.py"
    spec = importlib.util.spec_from_file_location("_tiny_subscaling", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def answer(module: ModuleType, name: str, method: str = "nuts") -> str:
    """What one question prints."""
    found = io.StringIO()
    with contextlib.redirect_stdout(found):
        getattr(module, name)(module.load(method))
    return "".join(line.rstrip() + "\n" for line in found.getvalue().splitlines())


def main() -> None:
    module = example()
    text = PAGE.read_text(encoding="utf-8")
    missing = {q.__name__ for q in module.QUESTIONS} - {m[2] for m in BLOCK.finditer(text)}
    if missing:
        sys.exit(f"The page has no block for {', '.join(sorted(missing))}.")
    text = BLOCK.sub(lambda m: f"{m[1]}{answer(module, m[2])}{m[4]}", text)
    PAGE.write_text(text, encoding="utf-8")
    study = module.load()
    module.picture(study, str(DOCS / "figures" / "tiny-texts.png"))
    module.picture_ahead(study, str(DOCS / "figures" / "tiny-held-out.png"))


if __name__ == "__main__":
    main()
