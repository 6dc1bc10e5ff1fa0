"""The fuzzer: inputs for the kernel, steered by the ways it takes through its code, under the sanitizers.

::

    corpus ─▶ one is mutated ─▶ target: kernel and reference ─▶ the kernel's edges ─▶ new ones: to the corpus
    seeds      mutation.py       targets.py                      edges.py, trace.c

``make fuzz`` builds the kernel with the address and undefined-behaviour sanitizers and with `trace.c`, which
counts the edges that each input takes; what takes a new one is kept and mutated further. It is the loop of
libFuzzer and AFL, written here because libFuzzer wants clang, and the kernel is built with what built Python.
Given these very counters, the libFuzzer of atheris found about as much in the same CPU time: 10,366 classes
of edges against 9,915 in a minute of `feed`, 12,358 against 14,996 in 40 s of `test_kernel_equals_reference`.
It has no wheel for the free-threaded build, and gcc's sanitizers take its other hooks away.

An input is bytes. The targets are the property tests, whose schemas, dialects and feeds hypothesis makes out
of such bytes, rules, keys by every policy and Arrow columns among them, and feeds as they stand, for schemas
with every kind of field. Where the kernel makes something else of them than the reference, the input is a
finding; so is what the sanitizers see, and a hang.

Each finding is kept in ``build/fuzz/``, and ``python -m tests.fuzz --again FILE`` repeats it.
"""
