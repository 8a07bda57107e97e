"""What degcraft needs of a machine: installed packages and graphics cards, each with a verdict and what to type."""

import importlib
import importlib.metadata
import os
import platform
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

OK, NOTE, PROBLEM = "ok", "note", "problem"
SETUP = "type: make setup"
ENCODER = "libx264"
# Oldest driver that runs programs of each CUDA version (NVIDIA's table of minor version compatibility).
DRIVERS = {11: "450.80.02", 12: "525.60.13", 13: "580"}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    level : str
        ok, note (works, but something is lost or slower) or problem.
    subject : str
        What was looked at.
    found : str
        What is there.
    advice : str
        What to do; "" where there is nothing to do.
    """

    level: str
    subject: str
    found: str
    advice: str = ""

    def __str__(self) -> str:
        return f"{self.level:<8} {self.subject:<10} {self.found}{f'; {self.advice}' if self.advice else ''}"


@dataclass(frozen=True)
class Graphics:
    """What is known about the graphics cards of this machine.

    Attributes
    ----------
    torch, build : str
        Version of PyTorch; of the CUDA that it was built for, "" for none.
    cards : list of str
        Cards that PyTorch computes on, described.
    failure : str
        Why it does not, in its own words; "" where it does or says nothing.
    seen : dict of str to str or None
        Driver by name of card, as nvidia-smi lists them; None without that program.
    apple : bool
        An Apple GPU can be used.
    """

    torch: str
    build: str
    cards: list[str] = field(default_factory=list)
    failure: str = ""
    seen: Mapping[str, str] | None = None
    apple: bool = False


def python(required: str, version: str = platform.python_version()) -> Finding:
    """Whether a Python version is among those that the package asks for."""
    if Version(version) in SpecifierSet(required):
        return Finding(OK, "Python", version)
    advice = f"{required} is needed; type: rm -r .venv, then make setup PYTHON=/path/to/python"
    return Finding(PROBLEM, "Python", version, advice)


def packages(requires: list[str], lock: str, installed: Mapping[str, str]) -> Iterator[Finding]:
    """Whether what the package needs is installed, in the versions that were tested.

    Parameters
    ----------
    requires : list of str
        Requirements, as the installed package states them.
    lock : str
        Contents of ``requirements.lock``; "" where it is not there.
    installed : dict of str to str
        Versions by normalised name.
    """
    needed = [Requirement(line) for line in requires]
    needed = [item for item in needed if item.marker is None or item.marker.evaluate({"extra": ""})]
    missing = [item.name for item in needed if normalised(item.name) not in installed]
    if missing:
        yield Finding(PROBLEM, "packages", f"{', '.join(missing)} not installed", SETUP)
    versions = [(item, installed[normalised(item.name)]) for item in needed if item.name not in missing]
    unfit = [
        f"{item.name} {version} ({item.specifier} is needed)"
        for item, version in versions
        if not item.specifier.contains(version, prereleases=True)
    ]
    if unfit:
        yield Finding(PROBLEM, "packages", ", ".join(unfit), SETUP)
    pins = {name: version for name, version in pinned(lock).items() if name in installed}
    other = [f"{name} {installed[name]}, not {pin}" for name, pin in pins.items() if not _same(installed[name], pin)]
    if other:
        more = f" and {len(other) - 3} more" if len(other) > 3 else ""
        advice = f"results may differ from the documented ones; {SETUP} for the tested versions"
        yield Finding(NOTE, "packages", f"{', '.join(other[:3])}{more}", advice)
    if not (missing or unfit or other):
        against = f"{len(pins)} as requirements.lock pins them" if lock else f"{len(needed)} in the range needed"
        yield Finding(OK, "packages", against)


def pinned(lock: str) -> dict[str, str]:
    r"""Versions that a lock file pins on this platform, by normalised name.

    Examples
    --------
    >>> pinned("Torch_Vision==0.28.0 \\\n    --hash=sha256:0\nx==1 ; sys_platform == 'none' \\\n")
    {'torch-vision': '0.28.0'}
    """
    lines = re.findall(r"^([\w.-]+)==([^\s;\\]+)(?:\s*;\s*([^\\\n]+))?", lock, flags=re.MULTILINE)
    return {normalised(name): version for name, version, marker in lines if not marker or Marker(marker).evaluate()}


def installed() -> dict[str, str]:
    """Versions of all installed packages, by normalised name."""
    found = importlib.metadata.distributions()
    return {normalised(item.metadata["Name"]): item.version for item in found if item.metadata["Name"]}


def normalised(name: str) -> str:
    """Name of a package as indices compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _same(version: str, pin: str) -> bool:
    """Equal but for the build (2.13.0+cu130), which depends on the machine."""
    return Version(version).public == Version(pin).public


def graphics(seen: Mapping[str, str] | None) -> Graphics:
    """What PyTorch can compute on here; `seen` is what nvidia-smi lists.

    Raises
    ------
    ImportError, OSError
        PyTorch cannot be loaded.
    """
    torch = importlib.import_module("torch")
    cards, failure = [], ""
    try:
        torch.cuda.init()
        for index in range(torch.cuda.device_count()):
            torch.ones(1, device=f"cuda:{index}").add_(1).item()  # a build without kernels for the card fails here
            free, total = torch.cuda.mem_get_info(index)
            name = torch.cuda.get_device_name(index)
            cards.append(f"{name}, {free / 2**30:.0f} of {total / 2**30:.0f} GiB free")
    except (RuntimeError, AssertionError) as error:
        failure = next(iter(str(error).strip().splitlines()), type(error).__name__)
    apple = bool(torch.backends.mps.is_available())
    return Graphics(torch.__version__, torch.version.cuda or "", cards, failure, seen, apple)


def device(asked: str, machine: Graphics) -> Finding:
    """Whether networks run where the config asks for, ``compute.device``, and if not, why."""
    cards = list(machine.seen or {})
    built = f"PyTorch {machine.torch}" + (f" for CUDA {machine.build}" if machine.build else "")
    if machine.cards and asked != "cpu":
        drivers = sorted(set((machine.seen or {}).values()))
        return Finding(OK, "device", "; ".join([*machine.cards, *(f"driver {one}" for one in drivers), built]))
    if asked == "cpu":
        return Finding(OK, "device", f"CPU, as compute.device says; {built}")
    if machine.apple and asked != "cuda":
        return Finding(OK, "device", f"Apple GPU; {built}")
    if asked == "mps" or (asked == "cuda" and not cards):
        found = f"compute.device: {asked}, but no such device is here ({machine.failure or 'none found'})"
        return Finding(PROBLEM, "device", found, "write compute.device: auto")
    if not cards:
        return Finding(OK, "device", f"CPU (no NVIDIA GPU found); {built}")
    why, advice = _unused(machine, min(machine.seen.values(), key=Version) if machine.seen else "")
    level = PROBLEM if asked == "cuda" else NOTE
    return Finding(level, "device", f"CPU, although there is {' and '.join(cards)}; {why}; {built}", advice)


def _unused(machine: Graphics, driver: str) -> tuple[str, str]:
    """Why PyTorch does not compute on a card that is there, and what to do."""
    if not machine.build:
        advice = "install torch and torchvision of one CUDA build for your driver into .venv, see README"
        return "this PyTorch was built without CUDA", advice
    oldest = DRIVERS.get(int(machine.build.split(".")[0]), "")
    if oldest and Version(driver) < Version(oldest):
        advice = f"update the driver, or install torch and torchvision of an older CUDA for driver {driver}, see README"
        return f"driver {driver} is older than {oldest}, which CUDA {machine.build} needs", advice
    advice = "check CUDA_VISIBLE_DEVICES, the permissions of /dev/nvidia*, and after an update of the driver, restart"
    return machine.failure or "PyTorch says no reason", advice


def video() -> Finding:
    """Whether videos can be read and written."""
    try:
        av = importlib.import_module("av")
    except (ImportError, OSError) as error:
        return Finding(NOTE, "video", f"PyAV cannot be loaded ({error}); videos cannot be read", SETUP)
    library = ".".join(map(str, av.library_versions.get("libavcodec", ())))
    found = f"PyAV {av.__version__}, libavcodec {library}"
    if ENCODER in av.codecs_available:
        return Finding(OK, "video", f"{found}, encoder {ENCODER}")
    advice = "install the wheel of av that requirements.lock pins, which has it"
    return Finding(NOTE, "video", f"{found}, no encoder {ENCODER}: videos can be read but not written", advice)


def available_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
