"""Nothing that feedmill imports brings the GIL back: each module alone, in an interpreter of its own."""

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src"
MODULES = sorted(
    ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")
    for path in (SOURCE / "feedmill").rglob("*.py")
    if path.stem != "__main__"  # importing it is running the command
)
LIBRARIES = ("psycopg", "psycopg_pool", "click", "rich", "kombu", "pyarrow.parquet", "pyarrow.feather")

IS_FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))


def gil_after(*modules: str) -> str:
    """Import modules in a fresh interpreter, and say whether the GIL is on; its coming back is an error."""
    code = f"import {', '.join(modules)}, sys; print('on' if sys._is_gil_enabled() else 'off')"
    # -E: a PYTHON_GIL=0 around the tests would hide what is looked for here.
    command = [sys.executable, "-E", "-X", "faulthandler", "-W", "error::RuntimeWarning", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("module", [*MODULES, "feedmill._core", *LIBRARIES])
def test_importing_leaves_the_gil_as_it_is(module: str) -> None:
    assert gil_after(module) == ("off" if IS_FREE_THREADED else "on")


def test_importing_everything_leaves_the_gil_as_it_is() -> None:
    assert gil_after(*MODULES, *LIBRARIES) == ("off" if IS_FREE_THREADED else "on")


@pytest.mark.parametrize("optional", ["pyarrow", "kombu"])
def test_importing_does_not_need_the_extras(optional: str) -> None:
    """The optional libraries are imported where they are used, not before."""
    code = f"import sys; sys.modules[{optional!r}] = None; import {', '.join(MODULES)}"
    done = subprocess.run([sys.executable, "-E", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
