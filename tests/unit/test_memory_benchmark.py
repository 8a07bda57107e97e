import sys

import pytest

from degcraft.benchmarks import memory, processes
from degcraft.benchmarks.measurement import Curve, Line
from degcraft.benchmarks.processes import Finished


def test_memory_of_its_own_leaves_mapped_files_out(tmp_path):
    (tmp_path / "mapped").write_bytes(bytes(80_000_000))
    code = (
        "import mmap, time; f = open('mapped', 'rb'); m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ); sum(m[::4096])"
    )
    command = [sys.executable, "-S", "-c", f"{code}; own = b'x' * 30_000_000; time.sleep(0.3)"]
    found = processes.run(command, tmp_path, interval=0.01)
    assert found.peak > 105
    assert 30 < found.own < 60


def test_where_nobody_looks_nothing_is_told(tmp_path):
    found = processes.run([sys.executable, "-S", "-c", "pass"], tmp_path)
    assert found.own != found.own


def test_every_stage_has_a_curve_and_its_last_point_a_bar(monkeypatch, capsys):
    def cases(folder):
        for size, own in ((10, 100.0), (1000, 300.0)):
            yield memory.Case(
                "images, by their number", "train", size, 400, lambda own=own: Finished(1, 1, 500, "", own)
            )

    monkeypatch.setattr(memory, "_counted", cases)
    monkeypatch.setattr(memory, "_large", lambda folder: [])
    line, curve = memory.lines()
    assert isinstance(line, Line)
    assert isinstance(curve, Curve)
    assert (line.name, line.ours, line.bar, line.holds) == ("memory: train, 1,000 images", 300, "<= 400 MB", True)
    assert "100, 300 MB for 10, 1,000 images; with files that are mapped 500 MB" in line.note
    assert (curve.x, curve.y, curve.x_label, curve.y_label) == ([10, 1000], [100, 300], "images", "MB")
    assert "memory: train, 1000: 300 of 400 MB" in capsys.readouterr().err


@pytest.mark.parametrize("count", [10, 1000])
def test_banks_have_as_many_images_as_they_say(count):
    from degcraft import sizes

    settings = memory._settings(count)
    assert sizes.bank(settings) == count
    assert sizes.images(settings, "references") == count


def test_stages_run_as_their_rules_run_them(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "COUNTS", (10,))
    counted = memory._counted(tmp_path)
    first = [next(counted) for _ in range(2)]
    done = [case.measure() for case in first]
    assert [case.name for case in first] == ["prepare train", "prepare references"]
    assert all(20 < run.own < case.asked for case, run in zip(first, done, strict=True))
    assert (tmp_path / "train10" / "index.csv").is_file()
