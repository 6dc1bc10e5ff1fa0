"""What py-spy and perf write becomes the same readable stacks."""

import doctest
import json

import pytest

import stacks
from stacks import Frame, Profile, collapse, folded, frame_of, read_perf, read_py_spy, speedscope, tidy

PERF = """\
lane-0 19742   5025125 cpu-clock:ppp:
\tffffffff8168e1d1 vfs_write+0x51 ([kernel.kallsyms])
\t          1631c6 sqlite3_step+0x86 (/usr/lib/libsqlite3.so.0.8.6)
\t          1631c6 [unknown] (/usr/lib/libsqlite3.so.0.8.6)
\t          1631c6 [unknown] (/usr/lib/libsqlite3.so.0.8.6)
\t           81891 _PyEval_EvalFrameDefault+0x7c1 (/opt/python/bin/python3.13)
\t              85 py::LaneStage.run:/src/feedmill/pipeline/stages.py+0x5 (/tmp/jitted-7-60.so)
\t           ed958 _PyObject_Call+0xd8 (/opt/python/bin/python3.13)
\t              85 py::Thread.run:/opt/lib/python3.13/threading.py+0x5 (/tmp/jitted-7-61.so)
\t           27304 start_thread+0x84 (/usr/lib/libc.so.6)

worker-1 19743   5025125 cpu-clock:ppp:
\t          1631c6 __pyx_f_5_core_4rows_rows_loop.isra.0+0x86 (/src/feedmill/_core.cpython-313t.so)
\t              85 py::parse_chunk:/src/feedmill/pipeline/jobs.py+0x5 (/tmp/jitted-7-62.so)
"""


def labels(profile: Profile) -> dict[str, list[list[str]]]:
    return {
        thread: [[frame.label for frame in stack] for stack, _ in rows]
        for thread, rows in profile.threads.items()
    }


def test_the_examples_hold() -> None:
    assert doctest.testmod(stacks).failed == 0


def test_perf_is_read_by_thread_with_python_functions_by_their_names() -> None:
    profile = read_perf(PERF)
    called = ["LaneStage.run (pipeline/stages.py)", "[libsqlite3]", "sqlite3_step (libsqlite3)", "vfs_write"]
    assert labels(profile) == {
        "lane-0": [called],
        "worker-1": [["parse_chunk (pipeline/jobs.py)", "rows_loop (_core/rows)"]],
    }
    assert profile.seconds == pytest.approx(2 * 0.005025125)


def test_py_spy_is_read_without_its_pseudo_frames_and_waits() -> None:
    text = json.dumps(
        {
            "shared": {
                "frames": [
                    {"name": "thread (7): feedmill-worker-1", "file": "", "line": 0},
                    {"name": "parse_chunk", "file": "/src/feedmill/pipeline/jobs.py", "line": 77},
                    {"name": "rows_rows_loop", "file": "src/_core/rows.pxd", "line": 9},
                    {"name": "Condition.wait", "file": "/opt/lib/python3.13/threading.py", "line": 359},
                ]
            },
            "profiles": [
                {
                    "name": 'Thread 7 "feedmill-worker-1"',
                    "samples": [[0, 1, 2], [0], [0, 1, 3]],
                    "weights": [0.25, 0.5, 1],
                }
            ],
        }
    )
    profile = read_py_spy(text)
    assert labels(profile) == {"worker-1": [["parse_chunk (pipeline/jobs.py)", "rows_loop (_core/rows)"]]}
    assert profile.seconds == 0.25


@pytest.mark.parametrize(
    ("name", "place", "kind"),
    [
        ("run", "/x/src/feedmill/pipeline/run.py", "feedmill"),
        ("run", "/x/feedmill/python/lib/python3.13t/threading.py", "python"),
        ("invoke", "/x/feedmill/.venv/lib/python3.13/site-packages/click/core.py", "python"),
        ("cli", "/x/.venv/lib/python3.13/site-packages/feedmill/cli.py", "feedmill"),
        ("<module>", "<frozen importlib._bootstrap>", "python"),
        ("rows_loop", "/x/feedmill/_core.cpython-313t-x86_64-linux-gnu.so", "kernel"),
        ("_PyEval_Vector", "/opt/bin/python3.13t", "interpreter"),
        ("PyDict_New", "/build/Python-3.13.0/Objects/dictobject.c", "interpreter"),
        ("sqlite3_step", "/usr/lib/libsqlite3.so.0.8.6", "library"),
        ("vfs_write", "[kernel.kallsyms]", "system"),
    ],
)
def test_it_is_told_whose_code_a_frame_is(name: str, place: str, kind: str) -> None:
    assert frame_of(name, place).kind == kind


@pytest.mark.parametrize(
    ("mangled", "label"),
    [
        ("__pyx_f_5_core_11number_scan_digits_append", "digits_append (_core/number_scan)"),
        ("__pyx_f_5_core_10value_text_value_put_text.isra.0", "value_put_text (_core/value_text)"),
        ("__pyx_pw_8feedmill_5_core_5Batch_21tuples", "tuples (_core/Batch)"),
        ("scan_index_avx2", "scan_index_avx2 (_core)"),
    ],
)
def test_names_of_the_kernel_are_those_of_its_sources(mangled: str, label: str) -> None:
    assert frame_of(mangled, "/x/_core.cpython-313t.so").label == label


def test_the_interpreter_is_shown_only_where_it_is_at_work_itself() -> None:
    run, call = Frame("run", "feedmill", "a.py"), Frame("_PyObject_Call", "interpreter")
    collect, evaluate = (
        Frame("gc_collect_main", "interpreter"),
        Frame("_PyEval_EvalFrameDefault", "interpreter"),
    )
    assert tidy((call, run, call, run, evaluate, collect)) == (run, run, collect)
    assert tidy((call, run, evaluate)) == (run,)
    assert tidy((collect,)) == (collect,)


def test_of_the_operating_system_the_first_steps_are_shown() -> None:
    run = Frame("run", "feedmill", "a.py")
    system = tuple(Frame(f"step_{number}", "system") for number in range(9))
    assert tidy((run, *system)) == (run, *system[: stacks.SYSTEM_FRAMES])


def test_equal_stacks_are_added_up() -> None:
    profile = Profile()
    stack = (Frame("run", "feedmill", "a.py", 1),)
    elsewhere = (Frame("run", "feedmill", "a.py", 2),)
    profile.threads["lane-0"] += [(stack, 0.001), (elsewhere, 0.002)]
    assert collapse(profile) == {("lane-0", "run (a.py)"): pytest.approx(0.003)}
    assert folded(profile) == "lane-0;run (a.py) 3\n"


def test_start_and_end_of_the_interpreter_can_be_left_out() -> None:
    profile = Profile()
    work = (Frame("run", "feedmill", "a.py"),)
    profile.threads["main"] += [
        (work, 0.5),
        ((Frame("_find", "python", "<importlib._bootstrap>"), *work), 0.5),
    ]
    collect = (Frame("Py_FinalizeEx", "interpreter"),)
    profile.threads["main"] += [(collect, 0.5)]
    assert profile.without_start_up().threads == {"main": [(work, 0.5)]}


def test_speedscope_gets_threads_apart_and_each_frame_once() -> None:
    profile = Profile()
    outer, inner = Frame("run", "feedmill", "a.py", 1), Frame("read", "kernel")
    profile.threads["worker-2"] += [((outer, inner), 0.5), ((outer,), 0.25)]
    profile.threads["worker-1"] += [((outer,), 0.25)]
    written = json.loads(speedscope(profile, "feedmill process"))
    assert written["shared"]["frames"] == [{"name": "run", "file": "a.py", "line": 1}, {"name": "read"}]
    assert [each["name"] for each in written["profiles"]] == ["worker-1", "worker-2"]
    assert written["profiles"][1]["samples"] == [[0, 1], [0]]
    assert written["profiles"][1]["endValue"] == 0.75
