"""Pictures are well-formed, and their widths are the numbers they show."""

from xml.etree import ElementTree

import pytest

import flamegraph
import instructions
import locks
import timeline
from callgrind import Function
from feedmill.report import Report, Stage
from recorder import Life, Recording, Wait
from stacks import Frame, Profile
from svg import Drawing, shorten

SVG = "{http://www.w3.org/2000/svg}"


def texts(picture: str) -> list[str]:
    return [each.text or "" for each in ElementTree.fromstring(picture).iter(f"{SVG}text")]


def report(**values: object) -> Report:
    stages = (Stage("reader", 4, 0.1, 0.0), Stage("workers", 4, 1.0, 7.0), Stage("lanes", 2, 3.6, 0.4))
    given = {"run_id": "r", "feed": "f", "schema": "s", "python": "3.13.5", "gil_enabled": False}
    return Report(**{**given, "workers": 2, "lanes": 1, "elapsed_s": 4.0, "stages": stages, **values})


def test_texts_are_escaped() -> None:
    drawing = Drawing(10, 10, 'a & b < "c"')
    drawing.text((0, 0), "x < y & z")
    drawing.box((0, 0), (1, 1), "#fff", tip="<lambda>")
    assert texts(drawing.render()) == ["x < y & z"]


def test_texts_are_cut_to_their_boxes() -> None:
    assert [shorten("LaneStage", letters) for letters in (9, 8, 3, 2, 0, -4)] == [
        "LaneStage",
        "LaneSta…",
        "La…",
        "",
        "",
        "",
    ]


def test_a_flame_is_as_wide_as_its_share() -> None:
    profile = Profile()
    run, parse = Frame("run", "feedmill", "a.py"), Frame("<lambda>", "kernel", "_core/rows")
    profile.threads["worker-1"] += [((run, parse), 0.75), ((run,), 0.25)]
    picture = ElementTree.fromstring(flamegraph.render(profile, "title", "notes"))
    boxes = {
        each.get("data-n"): each.find(f"{SVG}rect") for each in picture.iter(f"{SVG}g") if each.get("data-n")
    }
    assert list(boxes) == ["all threads", "worker-1", "run (a.py)", "<lambda> (_core/rows)"]
    widths = [float(box.get("width", 0)) for box in boxes.values() if box is not None]
    assert widths[:3] == [widths[0]] * 3
    assert widths[3] == pytest.approx(0.75 * widths[0], abs=0.01)
    heights = [float(box.get("y", 0)) for box in boxes.values() if box is not None]
    assert heights == sorted(heights, reverse=True)


def test_an_empty_profile_is_a_picture_too() -> None:
    assert "title" in texts(flamegraph.render(Profile(), "title", "notes"))


def test_the_bottleneck_is_who_is_at_work_longest() -> None:
    assert timeline.sentences(report())[-1] == "The bottleneck: lanes, at work 90 % of the run."
    assert timeline.sentences(report(stages=())) == []


def test_the_threads_stand_in_the_order_of_the_flow() -> None:
    names = ["settler-1", "lane-1", "worker-10", "worker-2", "lane-0", "reader-1", "feeder", "collector-1"]
    names += ["run-1", "watchdog-1"]
    assert timeline.order_threads(names) == [
        *("reader-1", "worker-2", "worker-10", "collector-1", "lane-0", "lane-1", "settler-1", "feeder")
    ]


def test_a_wait_is_drawn_where_and_as_long_as_it_was() -> None:
    seen = Recording()
    seen.lives["lane-0"] = Life(1.0, 3.0, 0.5)
    seen.waits.append(Wait("lane-0", "inbox of lane 0", "get", 1.5, 2.0))
    seen.sums["lane-0", "inbox of lane 0", "get"] = [0.5, 1]
    picture = ElementTree.fromstring(timeline.render(report(), seen, "title"))
    [box] = [
        each
        for each in picture.iter(f"{SVG}rect")
        if "waited 500.0 ms" in (each.findtext(f"{SVG}title") or "")
    ]
    assert float(box.get("x", 0)) == pytest.approx(timeline.LEFT + timeline.PLOT / 4, abs=0.01)
    assert float(box.get("width", 0)) == pytest.approx(timeline.PLOT / 4, abs=0.01)
    assert timeline.told(seen, "lane-0") == "at work 75 %, on a CPU 25 %; inbox of lane 0 25 %"


def test_a_report_alone_is_drawn_by_its_sums() -> None:
    assert {"reader", "workers", "lanes"} <= set(texts(timeline.render(report(), None, "title")))


def test_contention_is_drawn_with_its_numbers() -> None:
    channels = [locks.ChannelWaits("job channel", 100, 7, 5, 1.5, 0.5)]
    sites = [locks.LockSite("flow.py:60", 1, 200, 4, 0.002, 0.001)]
    shown = texts(locks.render(channels, sites, "title", "notes"))
    assert "takers 1.500 s, putters 0.500 s; 7 items, at most 5 of 100 at once" in shown
    assert {"flow.py:60", "200", "4  (2.0 %)", "2.00", "1.00"} <= set(shown)


def test_instructions_are_drawn_by_function() -> None:
    cost = instructions.Cost(
        "parse", 160, {Function("rows_loop", "/x/_core.so"): 900, Function("memcpy", "/x/libc.so.6"): 100}
    )
    shown = texts(instructions.render([cost], "notes"))
    assert "parse: 1,000 a record, 900 in the kernel" in shown
    assert {"900  (90.0 %)", "100  (10.0 %)", "memcpy (libc)"} <= set(shown)
