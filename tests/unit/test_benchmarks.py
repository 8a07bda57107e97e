import itertools
import sys
import time

import matplotlib.colors
import numpy as np
import pandas as pd
import pytest

from degcraft.benchmarks import __main__ as command
from degcraft.benchmarks import distances, evaluation, figure, files, peers, processes, synthesis
from degcraft.benchmarks.measurement import Curve, Line, Times, held, rounds, threads, unmeasured
from degcraft.degradations import degrade
from degcraft.errors import DegcraftError
from degcraft.figures.style import BLUE, VERMILION
from degcraft.metrics import fidelity
from degcraft.streams import stream
from degcraft.weighting.frechet import squared_distances
from tests.conftest import photo_like

NAN = float("nan")
FAST = Line("a: fast", 1.0, 12.0, "ms", 12.0, ">= 10 x", "how; spread")
SLOW = Line("b: slow", 9.0, 8.0, "s", 1.125, "<= 8 s", "how")
TOLD = Line("c: told", 0.04, NAN, "s", NAN, "", "how")
ABSENT = unmeasured("d: absent", "%", ">= 90 %", "no GPU")
CURVES = [
    Curve("growth", "measured", [1.0, 2.0], [2.0, 3.0], "images", "seconds"),
    Curve("growth", "line", [1.0, 2.0], [2.0, 3.0], "images", "seconds", "measured"),
]


@pytest.mark.parametrize(
    ("bar", "ours", "ratio", "margin", "holds"),
    [
        (">= 10 x", 1.0, 12.0, 1.2, True),
        ("<= 1.3 x", 1.0, 2.6, 0.5, False),
        ("<= 8 s", 4.0, 0.5, 2.0, True),
        (">= 90 %", 45.0, 0.5, 0.5, False),
        (">= 2 x", 1.0, 2.0, 1.0, True),
        ("", 1.0, 1.0, NAN, None),
        (">= 2 x", NAN, NAN, NAN, None),
    ],
)
def test_a_bar_is_on_the_ratio_or_on_ours(bar, ours, ratio, margin, holds):
    line = Line("name", ours, 8.0, "s", ratio, bar, "")
    assert line.margin == pytest.approx(margin, nan_ok=True)
    assert line.holds is holds


def test_a_limit_is_the_number_of_its_bar():
    line = held("bank", [7.0, 2.0, 3.0], "<= 6 s", "two threads")
    assert (line.ours, line.peer, line.unit, line.ratio) == (3.0, 6.0, "s", 0.5)
    assert line.note == "two threads; median 3 s, quartiles 2.5 to 5 s of 3 rounds"


def test_ratios_are_medians_of_ratios_of_each_round():
    times = Times({"ours": np.array([1.0, 2.0, 4.0]), "peer": np.array([30.0, 40.0, 40.0])})
    faster = times.speedup("name", "peer", ">= 15 x", "ms", "how")
    assert (faster.ours, faster.peer, faster.ratio, faster.holds) == (2000.0, 40000.0, 20.0, True)
    more = times.excess("name", "peer", "<= 1.3 x", "s", "how")
    assert (more.ours, more.peer, more.ratio) == (2.0, 40.0, 0.05)


def test_functions_run_in_turn_after_a_warm_up():
    calls = []
    functions = {name: (lambda name=name: calls.append(name)) for name in "abc"}
    times = rounds(functions, 2, items=5)
    assert "".join(calls) == "abc" + "abc" + "bca"
    assert {name: len(values) for name, values in times.seconds.items()} == {"a": 2, "b": 2, "c": 2}


def test_times_are_per_item(monkeypatch):
    clock = itertools.count()  # a second passes between any two looks at it
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    assert rounds({"f": lambda: None}, 3, items=4).seconds["f"].tolist() == [0.25, 0.25, 0.25]


def test_threads_are_limited_and_come_back():
    import cv2
    import torch

    before = torch.get_num_threads(), cv2.getNumThreads()
    with threads(1):
        assert (torch.get_num_threads(), cv2.getNumThreads()) == (1, 1)
    assert (torch.get_num_threads(), cv2.getNumThreads()) == before


def test_the_opencv_chain_degrades_as_we_do_where_there_is_no_noise():
    options = {"kernel_size": peers.KERNEL, "downsampling": "area", "noise": "colour", "chroma": "4:2:0"}
    for seed, blur in enumerate((0.4, 2.3, 4.9)):
        hr, parameters = photo_like(seed, 96, 128), (blur, 0.0, 30 + 25 * seed)
        ours = degrade(hr, parameters, stream(0, "test"), options).astype(int)
        theirs = peers.opencv_chain(hr, parameters, stream(0, "test")).astype(int)
        assert theirs.shape == (24, 32, 3)
        assert np.abs(ours - theirs).mean() < 0.05  # a pixel that rounds otherwise moves its block
        assert (ours != theirs).mean() < 0.05


def test_the_opencv_chain_adds_as_much_noise_as_it_is_told():
    hr = np.full((288, 288, 3), 128, np.uint8)
    noisy = peers.opencv_chain(hr, (1.0, 10.0, 100), stream(0, "test"))
    weights = np.array([0.299, 0.587, 0.114])  # of luma, which JPEG keeps at full resolution
    assert (noisy @ weights).std() == pytest.approx(10 * np.linalg.norm(weights), rel=0.05)


@pytest.mark.parametrize("peer", [peers.pytorch_fid, peers.torch_fidelity])
def test_distances_agree_where_covariances_are_regular(peer):
    bins, references = distances.sets(2, 400, 24)
    assert peer(bins, references) == pytest.approx(squared_distances(bins, references, ddof=1), rel=1e-8)


def test_correlated_features_are_timed():
    bins, references = distances.sets(1, 3000, 6)
    correlation = np.corrcoef(np.concatenate([bins[0] - bins[0].mean(0), references - references.mean(0)]).T)
    assert np.abs(correlation - np.eye(6)).max() > 0.2


def test_metrics_are_those_of_scikit_image():
    restored, truth = evaluation.pair()
    expected = peers.scikit_image(restored, truth, 4)
    found = fidelity(restored, truth, 4)
    assert found == pytest.approx(expected, abs=1e-9)


def test_lpips_is_timed_without_a_file():
    from degcraft.perceptual import lpips_distance

    network = evaluation.lpips_network()
    restored, truth = photo_like(0, 64, 64), photo_like(1, 64, 64)
    assert lpips_distance(network, truth, truth) == 0 < lpips_distance(network, restored, truth)


def test_clean_images_differ():
    images = synthesis.clean_images(5)
    assert {image.shape for image in images} == {(288, 288, 3)}
    assert len({image.tobytes() for image in images}) == 5


def test_growth_is_held_against_a_straight_line():
    runs = {(count, 75): [processes.Finished(1 + 0.05 * count, 1, 1, "")] for count in (25, 50, 75, 100)}
    runs[100, 25] = [processes.Finished(3, 1, 1, "")]
    measured, line, straight = synthesis._growth(runs, "images", 0)
    assert (measured.x, measured.y) == ([25, 50, 75, 100], [2.25, 3.5, 4.75, 6])
    assert line.name == "1 s + 50 ms each"
    assert straight.ours == pytest.approx(0, abs=1e-9)
    runs[75, 75] = [processes.Finished(9, 1, 1, "")]
    assert list(synthesis._growth(runs, "images", 0))[2].holds is False


def test_processes_tell_their_own_memory_and_failures(tmp_path):
    ballast = np.ones(30_000_000)  # 240 MB, which are not the other process's
    small = processes.run([sys.executable, "-S", "-c", "print('done')"], tmp_path)
    large = processes.run([sys.executable, "-S", "-c", "x = bytearray(100_000_000)"], tmp_path)
    assert small.output == "done"
    assert small.peak < 60 < 100 < large.peak < ballast.nbytes / 1e6
    assert small.processor > 0
    assert small.seconds > 0
    with pytest.raises(DegcraftError, match=r"failed; it must run to its end; see:\n\s*wrong$"):
        processes.run([sys.executable, "-S", "-c", "import sys; print('wrong'); sys.exit(3)"], tmp_path)


def test_the_summary_has_its_columns_and_words(tmp_path):
    files.write(tmp_path, [FAST, SLOW, TOLD, ABSENT], CURVES)
    table = pd.read_csv(tmp_path / "summary.csv", keep_default_na=False)
    assert list(table.columns) == ["name", "ours", "peer", "unit", "ratio", "bar", "holds", "note"]
    assert table["holds"].tolist() == ["yes", "no", "NA", "NA"]
    assert table["note"].iloc[-1] == "not measured (no GPU)"
    assert pd.read_csv(tmp_path / "curves.csv")[["x", "y"]].to_numpy().tolist() == 2 * [[1, 2], [2, 3]]
    text = (tmp_path / "summary.md").read_text()
    assert "| a: fast | 1 ms | 12 ms | 12 x | >= 10 x | yes | how; spread |" in text
    assert "| d: absent |  |  |  | >= 90 % | NA | not measured (no GPU) |" in text


def test_the_table_of_a_document_is_replaced(tmp_path):
    document = tmp_path / "performance.md"
    document.write_text(f"before\n{files.BEGIN}\nold\n{files.END}\nafter\n")
    files.paste(document, [FAST])
    files.paste(document, [SLOW])
    text = document.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "b: slow" in text
    assert not {"old", "a: fast"} & set(text.split(" | "))
    document.write_text("no marks")
    with pytest.raises(DegcraftError, match="no place for the table"):
        files.paste(document, [FAST])


def test_the_plot_has_a_bar_for_each_judged_line_and_a_panel_for_each_group():
    drawn = figure.draw([FAST, SLOW, TOLD, ABSENT], [*CURVES, Curve("speed", "x", [1.0], [4.0], "batch", "images/s")])
    bars, growth, speed, empty = drawn.axes
    assert not empty.axison
    lengths = {line: bar.get_width() for line, bar in zip((FAST, SLOW), bars.patches, strict=True)}
    assert lengths[FAST] == pytest.approx(1.2 - 1)
    assert lengths[SLOW] == pytest.approx(8 / 9 - 1)
    assert bars.get_xscale() == "log"
    colours = [matplotlib.colors.to_hex(bar.get_facecolor()).upper() for bar in bars.patches]
    assert colours == [BLUE, VERMILION]
    assert [label.get_text() for label in bars.get_yticklabels()] == ["a: fast", "b: slow"]
    assert [text.get_text() for text in bars.texts] == ["12 x (>= 10 x)", "9 s (<= 8 s)"]
    assert (growth.get_title(), growth.get_xlabel(), growth.get_ylabel()) == ("growth", "images", "seconds")
    measured, fit = growth.lines
    assert measured.get_color() == fit.get_color()
    assert (measured.get_linestyle(), fit.get_linestyle()) == ("-", "--")
    assert (speed.get_title(), speed.lines[0].get_ydata().tolist()) == ("speed", [4])


def test_one_command_runs_a_benchmark_and_writes_its_files(tmp_path, monkeypatch, capsys):
    for name, size in {"BINS": 4, "SAMPLES": 20, "FEATURES": 30, "REGULAR": 90, "ROUNDS": 2}.items():
        monkeypatch.setattr(distances, name, size)
    (tmp_path / "page.md").write_text(f"{files.BEGIN}\n{files.END}\n")
    command.main(["distances", "--output", str(tmp_path / "new"), "--document", str(tmp_path / "page.md")])
    printed = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in printed] == [
        "what", "distances: against pytorch-fid", "distances: against torch-fidelity",
    ]  # fmt: skip
    table = pd.read_csv(tmp_path / "new" / "summary.csv")
    assert table["name"].tolist() == [line.split("  ")[0] for line in printed[1:]]
    assert (table["ratio"] > 0).all()
    assert {path.name for path in (tmp_path / "new").iterdir()} == {
        "summary.csv", "summary.md", "curves.csv", "summary.png", "summary.pdf",
    }  # fmt: skip
    assert "| distances: against pytorch-fid |" in (tmp_path / "page.md").read_text()


def test_an_unknown_benchmark_is_refused():
    with pytest.raises(DegcraftError, match='names: unknown benchmark "feature"; did you mean "features"'):
        command.main(["distances", "feature"])
