"""What depends on the interpreter: the kernel, and where psycopg comes from. The rest is in pyproject.toml.

Four switches, all environment variables:

FEEDMILL_DEBUG=1
    Compile the kernel's assertions in, with no optimisation.
FEEDMILL_SANITIZE=address|thread|fuzz
    Compile with that sanitizer; `address` includes the undefined-behaviour one, `fuzz` is `address` and a
    count of the ways that the kernel takes, for tests/fuzz.
FEEDMILL_COVERAGE=1
    Compile for gcov, with line numbers of the Cython sources.
FEEDMILL_REQUIRE_CORE=0
    Leave the kernel out: to install the dependencies before it, or to check types without a compiler.
"""

import filecmp
import os
import re
import sys
import sysconfig
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.modified import newer, newer_group

# These hold for the parts in src/_core too; a comment at the head of _core.pyx would not reach them.
DIRECTIVES = {
    "language_level": 3,
    "freethreading_compatible": True,
    "boundscheck": False,
    "wraparound": False,
    "initializedcheck": False,
    "cdivision": True,
    "embedsignature": True,
}

# No -march: a wheel runs on any machine of its architecture; the kernel picks its instructions at run time.
# Aliasing: columns are byte buffers, written through pointers of the column's type.
FLAGS = ["-O3", "-fno-strict-aliasing"]
SANITIZERS = {
    "address": ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
    "thread": ["-fsanitize=thread"],
}
SANITIZERS["fuzz"] = [*SANITIZERS["address"], "-fsanitize-coverage=trace-pc"]


def build_name() -> str:
    """Name this build's directory, so that no interpreter and no switch meets the files of another."""
    switches = [os.environ.get("FEEDMILL_SANITIZE", "")]
    switches += [name for name in ("debug", "coverage") if is_on(name)]
    return "-".join(filter(None, [sysconfig.get_config_var("SOABI"), *switches]))


def is_on(switch: str) -> bool:
    """Tell whether FEEDMILL_<switch> is set, to anything but 0."""
    return os.environ.get(f"FEEDMILL_{switch.upper()}", "0") not in {"", "0"}


def kernel() -> Extension:
    """Describe feedmill._core to the compiler, as the switches want it."""
    compile_args, link_args, macros = [*FLAGS], [], []
    if sanitizer := os.environ.get("FEEDMILL_SANITIZE"):
        link_args = SANITIZERS[sanitizer]
        compile_args += [*link_args, "-O1", "-g", "-fno-omit-frame-pointer", "-UNDEBUG"]
    if is_on("coverage"):
        # Atomic counters: lines are counted from several threads at once.
        compile_args += ["-O0", "-g", "--coverage", "-fprofile-update=atomic"]
        link_args = [*link_args, "--coverage"]
    if is_on("debug"):
        compile_args += ["-O0", "-g3", "-UNDEBUG"]
        macros = [("FEEDMILL_DEBUG", "1")]
    tracer = ["tests/fuzz/trace.c"] if sanitizer == "fuzz" else []
    return Extension(
        "feedmill._core",
        ["src/_core.pyx", *tracer],
        # The parts are no sources of their own; without this the source distribution would lack them.
        depends=["setup.py", "src/_core.pyx", *sorted(map(str, Path("src/_core").iterdir()))],
        include_dirs=["src"],
        define_macros=macros,
        extra_compile_args=compile_args,
        extra_link_args=link_args,
    )


class BuildExtension(build_ext):
    """Put the kernel beside the sources even where a newer one lies: it may be one with other switches."""

    def build_extension(self, ext: Extension) -> None:
        """Compile, saying so: otherwise a minute would pass in silence."""
        if self.force or newer_group(ext.depends, self.get_ext_fullpath(ext.name), "newer"):
            print("compiling the kernel: about a minute", file=sys.stderr, flush=True)
        super().build_extension(ext)

    def copy_file(self, infile: str, outfile: str, **options: bool) -> tuple[str, bool]:
        """Remove an outfile that differs, then copy as setuptools does: only if needed."""
        target = Path(outfile)
        if target.exists() and not filecmp.cmp(infile, target):
            target.unlink()
        return super().copy_file(infile, outfile, **options)


def name_parts_for_gcov(source: Path) -> None:
    """Let gcov find src/_core: Cython names the parts as modules, without the folder they are in."""
    text = source.read_text()
    source.write_text(re.sub(r'^(#line \d+ ")_core/', r"\1src/_core/", text, flags=re.MULTILINE))


def dependencies() -> list[str]:
    """List what feedmill needs at run time. psycopg's binary wheel exists for builds with the GIL only."""
    free_threaded = sysconfig.get_config_var("Py_GIL_DISABLED")
    psycopg = "psycopg[pool]>=3.3.9" if free_threaded else "psycopg[binary,pool]>=3.3.9"
    return ["click>=8.1", psycopg, "rich>=13"]


if __name__ == "__main__":
    build = Path("build", build_name())
    build.mkdir(parents=True, exist_ok=True)
    translated = build / "cython/src/_core.c"
    extensions = []
    if os.environ.get("FEEDMILL_REQUIRE_CORE") != "0":
        extensions = cythonize(
            [kernel()],
            include_path=["src"],
            build_dir=str(build / "cython"),
            compiler_directives=DIRECTIVES,
            force=newer("setup.py", translated),
            emit_linenums=is_on("coverage"),
        )
    if extensions and is_on("coverage"):
        name_parts_for_gcov(translated)
    setup(
        cmdclass={"build_ext": BuildExtension},
        ext_modules=extensions,
        install_requires=dependencies(),
        options={"build": {"build_base": str(build)}, "egg_info": {"egg_base": str(build)}},
    )
