import re
from pathlib import Path

import pytest
import yaml
from PIL import Image

from degcraft.config import merge
from tests.conftest import photo_like
from tests.rules.test_rules import OUTPUTS
from tests.workflow.engine import ROOT, STAGES, TINY, snakemake

STRANGE = ";touch$IFS$9x'q\"$(touch$IFS$9y)`touch$IFS$9z`&*"
NAMES = ["; touch x", "$(touch x)", "a b", "q'", 'q"', "a\nb", "..", "../x", "/x", "-x", "a*", "a&b", "", "été"]
QUOTED = r"'[^']*'|\"'\"|\$\(dirname results/[\w./-]+\)"  # as shlex.quote does it, and the folders of results
PLAIN = r"[\w./@=,+{}: -]* 2> results/logs/[\w./@+-]+\.log"


@pytest.fixture(scope="module")
def strange(tmp_path_factory):
    """A config in which all that may have a strange name has one, and the working directory has one, too."""
    workdir = tmp_path_factory.mktemp("run") / f"-w {STRANGE}\n"
    data = workdir / "data" / STRANGE
    (data / "textures" / "wood").mkdir(parents=True)
    for number, folder in enumerate(("train", "film", "crops", "textures/wood")):
        (data / folder).mkdir(exist_ok=True)
        for again in ("-", "; touch u"):
            photo = Image.fromarray(photo_like(2 * number + len(again), 256, 256))
            photo.save(data / folder / f"{again} {STRANGE}.png")
    for suffix in (".safetensors", ".pth"):
        (data / f"{STRANGE} w{suffix}").write_bytes(b"")
    (workdir / "json.py").write_text("open('imported', 'w')\n")
    (data / "votes; touch v.csv").write_text("")
    weights, own = f"{STRANGE} w.safetensors", {"crops": ["crops"], "count": 2, "min": 2}
    changes = {
        "data": f"data/{STRANGE}",
        "prepare": {"train": {"images": ["train"]}},
        "applications": {"archive": {"images": ["film"], "packaged": [], "truth": ["film"], "references": own}},
        "extractors": {
            "alexnet-minc": {"textures": "textures"},
            "strange": {"kind": "alexnet", "weights": weights},
        },
        "evaluate": {"lpips": {"weights": weights}},
        "methods": {"published": {"checkpoint": f"{STRANGE} w.pth"}, "fssr": {"perceptual": "strange-vgg"}},
        "evidence": {"votes": "votes; touch v.csv"},
    }
    changes["extractors"]["strange-vgg"] = {"kind": "vgg", "layer": [2, 2], "weights": weights}
    config = workdir / "config.yaml"
    config.write_text(yaml.safe_dump(merge(yaml.safe_load(TINY.read_text()), changes)))
    return workdir, config


def created(workdir):
    return {path.name for path in workdir.iterdir()} - {".snakemake", "results", "data", "config.yaml"}


def test_no_command_of_any_rule_leaves_a_strange_name_unquoted(strange):
    workdir, config = strange
    targets = [*OUTPUTS.values(), "exhibits", "results/features/strange/references-setting3.npz"]
    targets += ["results/pretrained/alexnet-minc/model.safetensors", "results/degraded/truth/archive"]
    done = snakemake(workdir, "-n", "-p", "--", *targets, config=config)
    assert done.returncode == 0, done.stdout[-3000:]
    commands = re.findall(
        r"\n(?:local)?rule (\w+):\n.*?(?:\nShell command: (.*?)\n)(?=\n\[|\nJob stats)", done.stdout, re.DOTALL
    )
    assert {rule for rule, _ in commands} == set(STAGES) - {"download_weights", "figures", "exhibits"}
    assert sum("touch" in command for _, command in commands) > 10
    for rule, command in commands:
        assert re.fullmatch(PLAIN, re.sub(QUOTED, "", command)), f"{rule}: {command}"


def test_strange_names_of_folders_and_files_only_name(strange):
    workdir, config = strange
    before = created(workdir)
    targets = ["results/images/train/index.csv", "results/degraded/references/archive.npz"]
    done = snakemake(workdir, "--cores", "1", "--", *targets, config=config)
    assert done.returncode == 0, done.stdout[-3000:]
    assert created(workdir) == before  # no x, y, z, and nothing imported from the working directory


@pytest.mark.parametrize(("path", "said"), [("-w.pth", "begins with a dash"), ("{w}.pth", "holds a brace")])
def test_names_that_commands_cannot_carry_are_refused_before_work(tmp_path, path, said):
    (tmp_path / path).write_bytes(b"")
    changes = {"methods": {"published": {"checkpoint": path}}, "data": "-d" if path.startswith("-") else "."}
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump(merge(yaml.safe_load(TINY.read_text()), changes)))
    done = snakemake(tmp_path, "--cores", "1", "--", "results/images/bins/index.csv", config=config)
    assert done.returncode != 0
    assert f'config.yaml: methods.published.checkpoint: "{path}" {said}' in done.stdout.replace("-d/", "")
    assert not (tmp_path / "results").exists()


@pytest.fixture(scope="module")
def rules():
    """Rules of the workflow with their patterns, as the engine has loaded them."""
    from snakemake.api import SnakemakeApi
    from snakemake.settings.types import ConfigSettings, OutputSettings, ResourceSettings

    with SnakemakeApi(OutputSettings()) as engine:
        loaded = engine.workflow(
            resource_settings=ResourceSettings(cores=1),
            config_settings=ConfigSettings(configfiles=[TINY]),
            snakefile=ROOT / "Snakefile",
        )
        yield list(loaded._workflow.rules)


def test_no_wildcard_takes_a_strange_name_or_leaves_the_results(rules):
    for rule in rules:
        for output in rule.products():
            pattern = str(output)
            assert pattern.startswith(("results/", "resources/weights/")), f"{rule.name}: {pattern}"
            assert re.fullmatch(r"[\w./@,{}\\\[\]()?:|+*^$<>=-]*", pattern)
            for name in NAMES:
                if "{" in pattern:
                    strange = re.sub(r"\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}", lambda _, name=name: name, pattern)
                    assert not output.match(strange), f"{rule.name}: {strange!r}"


@pytest.mark.parametrize(
    "target",
    ["results/../x", "/tmp/x.csv", "results/weights/../../x/dct.frechet-a25.csv", "resources/weights/; touch x"],
)
def test_targets_outside_the_results_are_no_targets(tmp_path, target):
    done = snakemake(tmp_path, "--cores", "1", "--", target)
    assert done.returncode != 0
    assert "Traceback" not in done.stdout
    assert {path.name for path in tmp_path.rglob("*") if ".snakemake" not in path.parts} <= {"results", "logs"}


@pytest.mark.parametrize("name", ["../x", "/x", "..", "a/b", "; touch x", "a b", "-x"])
@pytest.mark.parametrize("section", ["applications", "settings", "extractors", "backbones", "methods"])
def test_names_in_the_config_are_plain(default_config, section, name):
    from degcraft.config import validate
    from degcraft.errors import DegcraftError

    entry = next(iter(default_config[section].values()))
    config = {**default_config, section: {**default_config[section], name: entry}}
    with pytest.raises(DegcraftError, match="cannot name files"):
        validate(config)


def test_config_on_the_command_line_is_held_to_the_same(tmp_path):
    done = snakemake(
        tmp_path, "-n", "results/table1.csv", "--config", "applications={../x: {images: [], packaged: [coins]}}"
    )
    assert done.returncode != 0
    assert "../x cannot name files" in re.sub(r'"', "", done.stdout)


def test_links_inside_the_results_lead_nothing_out(tmp_path):
    outside = tmp_path / "outside"
    (outside / "folder").mkdir(parents=True)
    (outside / "table.csv").write_text("mine\n")
    (outside / "folder" / "kept.png").write_text("mine\n")
    results = tmp_path / "run" / "results"
    (results / "degraded" / "test").mkdir(parents=True)
    (results / "table1.csv").symlink_to(outside / "table.csv")
    (results / "degraded" / "test" / "setting1").symlink_to(outside / "folder")
    done = snakemake(
        results.parent, "--cores", "1", "results/table1.csv", "results/degraded/test/setting1", "--forceall"
    )
    assert done.returncode == 0, done.stdout[-3000:]
    files = {path.relative_to(outside).as_posix(): path.read_text() for path in outside.rglob("*") if path.is_file()}
    assert files == {"table.csv": "mine\n", "folder/kept.png": "mine\n"}
    assert Path(results / "degraded" / "test" / "setting1" / "parameters.csv").is_file()
