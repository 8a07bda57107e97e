"""A finished run as an RO-Crate: JSON-LD of the Workflow Run Crate profile, version 0.5."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

Entity = dict[str, Any]

PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}
TERMS = "https://w3id.org/ro/terms/workflow-run#"
BIOSCHEMAS = "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"
LANGUAGE = "https://w3id.org/workflowhub/workflow-ro-crate#snakemake"
# Of the results' kinds of file; others go without.
FORMATS = {
    ".csv": "text/csv",
    ".json": "application/json",
    ".md": "text/markdown",
    ".npy": "application/octet-stream",
    ".npz": "application/zip",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".safetensors": "application/octet-stream",
    ".yaml": "application/yaml",
}


@dataclass(frozen=True)
class Part:
    """A file or folder of the crate.

    Attributes
    ----------
    name : str
        Its path in the crate; that of a folder ends with a slash.
    size : int
        Bytes.
    sha256 : str
        Of a file, or of the names and checksums in a folder.
    """

    name: str
    size: int
    sha256: str

    def entity(self) -> Entity:
        """Its description."""
        folder = self.name.endswith("/")
        suffix = "" if folder else f".{self.name.rpartition('.')[2]}"
        described = {
            "@id": self.name,
            "@type": "Dataset" if folder else "File",
            "name": self.name.rstrip("/"),
            "description": "Images, and a table of them" if folder else "A result of the run",
            "contentSize": str(self.size),
            "sha256": self.sha256,
        }
        return described | ({"encodingFormat": FORMATS[suffix]} if suffix in FORMATS else {})


def crate(
    manifest: dict[str, Any], version: str, parts: Iterable[Part], workflow: tuple[str, str], finished: str
) -> Entity:
    """Describe a run.

    Parameters
    ----------
    manifest : dict
        As `degcraft.manifest.manifest` writes it.
    version : str
        Of the workflow.
    parts : iterable of Part
        Its results.
    workflow : tuple of str
        Where in the crate the Snakefile and the config lie.
    finished : str
        When the last result was written, ISO 8601.

    Returns
    -------
    dict
        JSON-LD.
    """
    snakefile, config = workflow
    results = [part.entity() for part in parts]
    inputs = [
        {"@id": f"#input-{number}", "@type": "PropertyValue", "name": name, "value": f"sha256:{checksum}"}
        for number, (name, checksum) in enumerate(sorted(manifest["inputs"].items()))
    ]
    settings = {
        "@id": config,
        "@type": "File",
        "name": "Config of the run",
        "description": "All options, YAML",
        "encodingFormat": "application/yaml",
    }
    run = {
        "@id": "#run",
        "@type": "CreateAction",
        "name": "Run of degcraft",
        "description": f"{len(results)} results, made on {', '.join(_devices(manifest))}",
        "endTime": finished,
        "instrument": {"@id": snakefile},
        "object": _references([settings, *inputs]),
        "result": _references(results),
    }
    root = {
        "@id": "./",
        "@type": "Dataset",
        "conformsTo": [{"@id": profile} for profile in PROFILES],
        "name": "A run of degcraft",
        "description": "Super-resolution trained on the degradations of given images: tables, and what they rest on",
        "datePublished": finished,
        "license": {"@id": "#license"},
        "mainEntity": {"@id": snakefile},
        "hasPart": _references([{"@id": snakefile}, settings, *results]),
        "mentions": {"@id": "#run"},
    }
    terms = {
        "@id": "#license",
        "@type": "CreativeWork",
        "name": "As the owner of the images says",
        "description": "The workflow's own files are under Apache-2.0; its authors lay no claim to results",
    }
    known = [
        {"@id": profile, "@type": "CreativeWork", "name": name, "version": number}
        for profile, (name, number) in PROFILES.items()
    ]
    graph = [
        _descriptor(),
        root,
        terms,
        *known,
        *_software(snakefile, version, manifest),
        run,
        settings,
        *inputs,
        *results,
    ]
    return {
        "@context": ["https://w3id.org/ro/crate/1.1/context", {"sha256": f"{TERMS}sha256"}],
        "@graph": graph,
    }


def _descriptor() -> Entity:
    needed = ["https://w3id.org/ro/crate/1.1", "https://w3id.org/workflowhub/workflow-ro-crate/1.0"]
    return {
        "@id": "ro-crate-metadata.json",
        "@type": "CreativeWork",
        "about": {"@id": "./"},
        "conformsTo": [{"@id": profile} for profile in needed],
    }


def _software(snakefile: str, version: str, manifest: dict[str, Any]) -> list[Entity]:
    """The workflow, its language and the packages that it used."""
    packages = [
        {
            "@id": f"https://pypi.org/project/{name}/{number}/",
            "@type": "SoftwareApplication",
            "name": name,
            "url": f"https://pypi.org/project/{name}/",
            "version": number,
        }
        for name, number in sorted(manifest["versions"].items())
        if name not in ("python", "machine") and number != "absent"
    ]
    main = {
        "@id": snakefile,
        "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
        "conformsTo": {"@id": BIOSCHEMAS},
        "name": "degcraft",
        "description": "Finds training degradations from degraded images, trains networks on them, and measures them",
        "version": version,
        "encodingFormat": "text/plain",
        "license": "https://spdx.org/licenses/Apache-2.0",
        "programmingLanguage": {"@id": LANGUAGE},
        "softwareRequirements": _references(packages),
    }
    language = {
        "@id": LANGUAGE,
        "@type": "ComputerLanguage",
        "name": "Snakemake",
        "version": manifest["versions"]["snakemake"],
        "url": "https://snakemake.readthedocs.io",
        "identifier": "https://doi.org/10.1093/bioinformatics/bts480",
    }
    profile = {"@id": BIOSCHEMAS, "@type": "CreativeWork", "name": "ComputationalWorkflow", "version": "1.0-RELEASE"}
    return [main, language, profile, *packages]


def _devices(manifest: dict[str, Any]) -> list[str]:
    return sorted({device for devices in manifest["device"].values() for device in devices})


def _references(entities: Iterable[Entity]) -> list[Entity] | Entity:
    """Names of entities; of a single one without a list, as RO-Crate wants it."""
    found = [{"@id": entity["@id"]} for entity in entities]
    return found[0] if len(found) == 1 else found
