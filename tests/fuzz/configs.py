"""Generated configs through the checks of the workflow: `python -m tests.fuzz.configs --count 5000 --seed 1`."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from snakemake.common.configfile import load_configfile
from snakemake.exceptions import WorkflowError

from degcraft import inputs, targets
from degcraft.config import merge, validate, with_chosen_methods
from degcraft.errors import DegcraftError
from degcraft.spec import spec
from degcraft.streams import stream
from tests.fuzz.campaigns import Case, Limits, main
from tests.fuzz.mutations import mutant

ROOT = Path(__file__).resolve().parents[2]
LIMITS = Limits(seconds=10, memory=1_000_000_000)

# Values that programs stumble over, as YAML writes them.
_VALUES = (
    *(
        "null",
        "true",
        "[]",
        "{}",
        "''",
        "' '",
        "0",
        "-1",
        "1",
        "2.5",
        "-0.0",
        "1e308",
        "1e309",
        ".nan",
        ".inf",
        "-.inf",
    ),
    *(
        "9" * 40,
        "9" * 5000,
        "0x7fffffffffffffff",
        "1_000",
        "0o17",
        "1:30",
        "2024-01-01",
        "!!binary aGFsbG8=",
        "!!set {a}",
    ),
    *(
        "!!python/object/apply:os.system ['touch canary']",
        "!!str 5",
        "'\\0'",
        '"\\0"',
        '"\\ud800"',
        '"\\x1b[2J"',
        "é",
        "名前",
    ),
    *(
        "../../x",
        "/etc/passwd",
        "-rf",
        "'; touch canary'",
        "$(touch canary)",
        "'`touch canary`'",
        '"a\\nb"',
        "'{x}'",
        "'%s'",
    ),
    *(
        "[[1, 2], {a: b}]",
        "{a: {b: {c: [1, 2, {d: e}]}}}",
        "[1, 1]",
        "[2, 1]",
        "[a, b, a]",
        "{? [1, 2] : x}",
        "{1: 2, null: 3}",
    ),
    *("'" + "a" * 100_000 + "'", "[" + "1, " * 2000 + "1]", "results/x", "none", "all", "any", "results/../../x.pth"),
)


def load(files: list[Path]) -> dict[str, Any]:
    """The checked config, as `workflow/rules/common.smk` comes to it."""
    config: dict[str, Any] = {}
    try:
        for file in files:
            config = merge(config, load_configfile(file))
    except (WorkflowError, yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError, TypeError) as error:
        # The engine reads files itself, before degcraft sees them: this is its verdict, and it ends with it.
        raise DegcraftError(f"{error}; refused by the engine") from None
    config.update(with_chosen_methods(config, (yaml.safe_load(file.read_text()) for file in files)))
    validate(config)
    targets.check(config, ["results/metrics/srresnet/setting1/uniform/seed0.csv"])
    return config


def case_of(seed: int) -> Case:
    """Edited trees, edited texts, and what grows when it is read."""
    text = (ROOT / "config.yaml").read_bytes()
    texts = [text, *(file.read_bytes() for file in (ROOT / "tests" / "config").glob("*.yaml"))]
    tree = yaml.safe_load(text)

    def case(number: int, folder: Path) -> None:
        rng = stream(seed, "fuzz", "configs", number)
        kinds = (
            lambda: edited(tree, rng),
            lambda: edited(tree, rng),
            lambda: mutant(texts, rng),
            lambda: growing(tree, rng),
        )
        checked(kinds[rng.integers(len(kinds))](), folder)

    return case


def checked(content: bytes, folder: Path) -> None:
    """Put one config over the default one and check it; a valid one must give every stage its options."""
    file = folder / "config.yaml"
    file.write_bytes(content)
    inputs.print = lambda *_, **__: None  # type: ignore[attr-defined]  # warnings of files that are not there
    config = load([ROOT / "config.yaml", file])
    inputs.check_files(config, warn=True)
    spec(config, "prepare", set="train")
    if (folder / "canary").exists() or Path("canary").exists():
        raise AssertionError("code in a config ran")


def edited(tree: dict[str, Any], rng: np.random.Generator) -> bytes:
    """The default config with one to four strange values, names, or repeated names."""
    changed = copy.deepcopy(tree)
    strange: dict[str, str] = {}
    for number in range(rng.integers(1, 5)):
        places = list(_places(changed))
        parent, key = places[rng.integers(len(places))]
        mark = f"strange-{number}"
        strange[mark] = _VALUES[rng.integers(len(_VALUES))]
        way = rng.integers(5)
        if way == 0 and isinstance(parent, dict):
            parent[mark] = parent[key]  # a strange name
        elif way == 1 and isinstance(parent, dict):
            del parent[key]
        elif way == 2 and isinstance(parent[key], list):
            parent[key].append(mark)
        else:
            parent[key] = mark
    text = yaml.safe_dump(changed, width=10_000)
    for mark, value in strange.items():
        text = text.replace(mark, value)
    if rng.random() < 0.1:
        text += f"\n{rng.choice(list(tree))}: {_VALUES[rng.integers(len(_VALUES))]}\n"  # a name twice
    return text.encode(errors="surrogatepass")


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in list(items):
        yield node, key
        yield from _places(value)


def growing(tree: dict[str, Any], rng: np.random.Generator) -> bytes:
    """Configs that are small as text and large, deep or endless as a tree.

    Maps merged by << stay few: deeper ones keep the YAML parser busy, before anything of ours is asked.
    """
    section = rng.choice([*tree, "unknown"])
    depth, width = int(rng.integers(2, 40)), int(rng.integers(2, 12))
    laughs = [f"  l0: &l0 [{', '.join(['lol'] * width)}]"]
    maps = ["  m0: &m0 {a: 1}"]
    for level in range(1, depth):
        laughs.append(f"  l{level}: &l{level} [{', '.join([f'*l{level - 1}'] * width)}]")
        maps.append(f"  m{level}: &m{level} {{{', '.join(f'k{n}: *m{level - 1}' for n in range(width))}}}")
    deep = int(rng.integers(10, 5000))
    texts = (
        f"{section}:\n" + "\n".join(laughs),
        f"{section}:\n" + "\n".join(maps),
        f"{section}: " + "[" * deep + "]" * deep,
        f"{section}: " + "{a: " * deep + "1" + "}" * deep,
        f"{section}: &self [*self, 1]",
        f"{section}: &self {{a: *self}}",
        f"&all {{{section}: *all}}",
        f"{section}:\n" + "\n".join(f"{' ' * (level + 1)}a{level}:" for level in range(min(deep, 900))),
        f"{section}: {{<<: [{', '.join(['{a: 1}'] * width * 50)}]}}",
        "\n".join(
            f"x{level}: &x{level} {{<<: [{', '.join([f'*x{level - 1}'] * width if level else ['{a: 1}'])}]}}"
            for level in range(min(depth, 4))
        ),
        f"? {'[' * 50}{']' * 50}\n: 1",
        f"{section}: !!omap [a: 1, a: 2]",
        "---\n" * width,
        "__definitions__: [1]\n",
    )
    return str(texts[rng.integers(len(texts))]).encode()


if __name__ == "__main__":
    main("configs", case_of, LIMITS)
