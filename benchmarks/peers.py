"""Measure feedmill beside its peers: the same feed, checked and transformed, all in one run.

::

    make bench-peers                                  all of them, the Go program included
    .venv-gil/bin/python benchmarks/peers.py          the same, where `go` and the peers are there already
    … --peer Polars --peer feedmill                   some
    … --save                                          keep the result, and draw it: benchmarks/results/

The feed is that of `feeds.py`: 14 columns, 3 records in 100 bad. Each contestant (`contestants/`) is a
process of its own and takes its turn, several rounds; the least counts, since noise only adds. What is
measured is its work, without starting and importing: elapsed seconds, CPU seconds of all its threads, and the
most memory that its process has had. feedmill runs on both builds, the others on the one with the GIL, which
all of them support; the Go program (`go/`) is the design that feedmill began with.

A contestant that takes too long for all records is given a share, and its figures are of that share a record.
*passes* counts the bad records that it takes for good ones: what is left out makes it faster, and wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from time import perf_counter, process_time
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks import builds, chart, peers_chart
from benchmarks.contestants import CONTESTANTS, check_of
from benchmarks.feeds import write_feed

RECORDS: Final = 400_000
"""Of the feed: 140 MB, in which starting threads vanishes, and which plain Python does in ten seconds."""

GO: Final = "Go: channels, goroutines, encoding/csv"
GO_PROGRAM: Final = builds.ROOT / "build" / "bench" / "peer-go"
WITHOUT_GIL, WITH_GIL = builds.ENVIRONMENTS


@dataclass(frozen=True, slots=True)
class Figures:
    """What a contestant took, and what it found."""

    peer: str
    on: str
    left_out: str
    records: int
    nbytes: int
    cpu_s: float
    elapsed_s: float
    peak_mb: float
    passes: int

    @property
    def megabytes_per_cpu_s(self) -> float:
        """Megabytes (10**6) of the feed in a CPU second."""
        return self.nbytes / self.cpu_s / 1e6

    @property
    def us_per_record(self) -> float:
        """CPU microseconds a record."""
        return self.cpu_s / self.records * 1e6


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed on the disk, and how many of its records are good."""

    path: Path
    records: int
    good: int

    @classmethod
    def make(cls, folder: Path, records: int) -> Feed:
        """Write it, if it is not there."""
        path = folder / f"feed-{records}.csv"
        if path.exists():
            expected = json.loads(path.with_name(path.name + ".expect.json").read_text())
            return cls(path, records, expected["good"])
        return cls(path, records, write_feed(path, records).good)


def measure(peer: str, path: Path) -> dict[str, object]:
    """Let a contestant do its work, in this process."""
    check = check_of(peer)
    started, cpu = perf_counter(), process_time()
    good = check(path)
    cpu_s, elapsed_s = process_time() - cpu, perf_counter() - started
    return {"good": good, "cpu_s": cpu_s, "elapsed_s": elapsed_s, "peak_mb": peak_mb()}


def peak_mb() -> float:
    """Read the most memory that this program has had; what getrusage tells begins with its parent's."""
    lines = Path("/proc/self/status").read_text("ascii", errors="replace").splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM"))


def commands(wanted: Sequence[str]) -> Iterator[tuple[str, str, list[str]]]:
    """Yield each contestant, what it runs on, and its command without the feed."""
    here = [str(Path(__file__)), "--measure"]
    for peer, contestant in CONTESTANTS.items():
        if wanted and peer not in wanted:
            continue
        for python in (WITHOUT_GIL, WITH_GIL) if contestant.library == "feedmill" else (WITH_GIL,):
            if python.exists():
                on = "3.13t" if python is WITHOUT_GIL else "3.13"
                yield peer, on, [str(python), *here, peer]
    if not wanted or GO in wanted:
        yield GO, "", [str(GO_PROGRAM)]


def build_go() -> bool:
    """Build the Go program; False where there is no Go."""
    GO_PROGRAM.parent.mkdir(parents=True, exist_ok=True)
    command = ["go", "build", "-o", str(GO_PROGRAM), "."]
    # It needs no module of others, and no home to keep what it has built in.
    environment = {**os.environ, "GOFLAGS": "-mod=mod", "GOCACHE": str(GO_PROGRAM.parent / "go-cache")}
    try:
        subprocess.run(command, check=True, cwd=builds.ROOT / "benchmarks" / "go", env=environment)
    except FileNotFoundError:
        return False
    return True


def figures_of(peer: str, on: str, command: Sequence[str], feed: Feed) -> Figures:
    """Run one contestant once."""
    done = subprocess.run(
        [*command, str(feed.path)], check=True, stdout=subprocess.PIPE, text=True, env=builds.environment()
    )
    found = json.loads(done.stdout.splitlines()[-1])
    left_out = CONTESTANTS[peer].left_out if peer in CONTESTANTS else "nothing"
    return Figures(
        peer,
        on or str(found["version"]),
        left_out,
        feed.records,
        feed.path.stat().st_size,
        float(found["cpu_s"]),
        float(found["elapsed_s"]),
        float(found["peak_mb"]),
        int(found["good"]) - feed.good,
    )


def rounds_of(given: argparse.Namespace, folder: Path) -> list[Figures]:
    """Let all take turns, and give the best of each."""
    ways = list(commands(given.peer))
    if any(peer == GO for peer, _, _ in ways) and not build_go():
        print("no Go here: its program is left out (Debian: golang-go)")
        ways = [way for way in ways if way[0] != GO]
    found: dict[tuple[str, str], list[Figures]] = {}
    for number in range(given.rounds):
        for peer, on, command in list(ways):
            share = CONTESTANTS[peer].share if peer in CONTESTANTS else 1.0
            feed = Feed.make(folder, max(1, int(given.records * share)))
            try:
                figures = figures_of(peer, on, command, feed)
            except subprocess.CalledProcessError as error:
                print(f"{peer} cannot run: exit code {error.returncode}")
                ways.remove((peer, on, command))
                continue
            found.setdefault((peer, on), []).append(figures)
            print(f"round {number + 1}: {peer} {on}: {figures.cpu_s:.2f} CPU s", file=sys.stderr, flush=True)
    best = [min(each, key=lambda figures: figures.cpu_s) for each in found.values()]
    return sorted(best, key=lambda figures: -figures.megabytes_per_cpu_s)


def table(best: Sequence[Figures]) -> list[str]:
    """Make the table, as Markdown; ratios are of CPU time, to feedmill's validation on the first build."""
    own = next((each for each in best if each.peer == "feedmill"), best[0])
    lines = [
        "| | on | CPU µs a record | ratio | MB / CPU s | records / s | peak MB | passes | does not find |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for each in best:
        sample = f" (of {each.records:,} records)" if each.records < own.records else ""
        lines.append(
            f"| {each.peer}{sample} | {each.on} | {each.us_per_record:.2f} | "
            f"{each.us_per_record / own.us_per_record:.1f} | {each.megabytes_per_cpu_s:.0f} | "
            f"{each.records / each.elapsed_s:,.0f} | {each.peak_mb:.0f} | {each.passes:,} | {each.left_out} |"
        )
    return lines


def main() -> None:
    """Read the command line."""
    if "--measure" in sys.argv:
        peer, path = islice(sys.argv, 2, 4)
        print(json.dumps(measure(peer, Path(path))))
        return
    parser = argparse.ArgumentParser(description="Measure feedmill beside its peers.")
    parser.add_argument("--records", type=int, default=RECORDS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--peer", action="append", default=[], metavar="NAME", help="only this; may be repeated"
    )
    parser.add_argument(
        "--save", action="store_true", help="keep the result in benchmarks/results/, and draw it"
    )
    given = parser.parse_args()
    for name in given.peer:
        if name not in {*CONTESTANTS, GO}:
            parser.error(f"no peer is called {name!r}; there are {', '.join([*CONTESTANTS, GO])}")
    with tempfile.TemporaryDirectory() as folder:
        best = rounds_of(given, Path(folder))
    print(f"{best[0].nbytes / 1e6:.0f} MB, {given.records:,} records, the best of {given.rounds} rounds\n")
    print("\n".join(table(best)))
    if given.save:
        kept = builds.save("peers", [{"peers": [asdict(each) for each in best]}])
        kept.with_suffix(".md").write_text("\n".join([f"# Peers, {kept.stem[:10]}", "", *table(best), ""]))
        print(f"\nkept {kept.relative_to(builds.ROOT)}, and the same as .md")
        chart.draw_beside(kept, peers_chart.draw)


if __name__ == "__main__":
    main()
