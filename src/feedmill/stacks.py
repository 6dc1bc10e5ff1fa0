"""Where all threads of this process are: their Python frames, and native ones if a debugger is there."""

from __future__ import annotations

import faulthandler
import os
import re
import shutil
import subprocess
import tempfile
import threading
from typing import Final

__all__ = ["native_stacks", "python_stacks"]

DEBUGGER_S: Final = 30
"""Seconds for a debugger: gdb reads the symbols of every library first, which takes it about three."""

_THREAD: Final = re.compile(r"^((?:Current thread|Thread) 0x([0-9a-f]+))( \[[^\]\n]*\])?", re.MULTILINE)
"""The last group is the thread's name as the system keeps it, cut short: CPython writes it from 3.14 on."""


def python_stacks() -> str:
    """Write down the Python frames of all threads, innermost first, with the threads' names.

    Notes
    -----
    By `faulthandler`: it asks no thread for anything, so it does not matter what they are doing. On a
    free-threaded interpreter all of them stand still meanwhile, and that is not for every second: sampling
    like that has crashed it.
    """
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as file:
        faulthandler.dump_traceback(file, all_threads=True)
        file.seek(0)
        text = file.read()
    names = {f"{thread.ident:x}": thread.name for thread in threading.enumerate() if thread.ident}

    def with_name(match: re.Match[str]) -> str:
        name = names.get(match[2].lstrip("0"))
        return f"{match[1]} {name}" if name else match[0]

    return _THREAD.sub(with_name, text)


def native_stacks() -> str:
    """Ask a debugger for the native frames of all threads: eu-stack or gdb, whichever there is.

    Returns
    -------
    str
        What it said; empty if there is none, or it may not look.
    """
    pid = str(os.getpid())
    if tool := shutil.which("eu-stack"):
        command = [tool, "-p", pid]
    elif tool := shutil.which("gdb"):
        command = [tool, "-nx", "-batch", "-p", pid, "-ex", "thread apply all backtrace 12"]
    else:
        return ""
    # While it looks, this process stands still. So another one has to end it if it takes too long, and it
    # may not fill a pipe that nobody empties meanwhile.
    if timeout := shutil.which("timeout"):
        command = [timeout, "-s", "KILL", str(DEBUGGER_S), *command]
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as file:
        try:
            subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.DEVNULL,
                # Or gdb asks the network for symbols.
                env={**os.environ, "DEBUGINFOD_URLS": ""},
                check=False,
            )
        except OSError:
            return ""
        file.seek(0)
        return file.read()
