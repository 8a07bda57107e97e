import json
import os
import shutil
from functools import partial
from io import BytesIO
from pathlib import Path

import pytest
import requests
import requests_cache
import urllib3
from rocrate_validator.models import ValidationSettings
from rocrate_validator.services import validate

from degcraft.errors import DegcraftError
from degcraft.io import read_json
from degcraft.stages import crate as stage
from degcraft.stages import manifest
from tests.integrity import config, small_run

METADATA = Path("results/ro-crate-metadata.json")
CONTEXT = "https://w3id.org/ro/crate/1.1/context"
# As that context defines them; all that a crate of ours uses. Tests have no network to read the whole of it.
TERMS = ["about", "Action", "ComputerLanguage", "contentSize", "CreateAction", "CreativeWork", "Dataset"]
TERMS += ["datePublished", "description", "encodingFormat", "endTime", "hasPart", "identifier", "instrument", "license"]
TERMS += ["mainEntity", "mentions", "name", "object", "programmingLanguage", "PropertyValue", "result"]
TERMS += ["SoftwareApplication", "softwareRequirements", "SoftwareSourceCode", "url", "value", "version"]
DEFINED = {term: f"http://schema.org/{term}" for term in TERMS} | {
    "ComputationalWorkflow": "https://bioschemas.org/ComputationalWorkflow",
    "File": "http://schema.org/MediaObject",
    "conformsTo": "http://purl.org/dc/terms/conformsTo",
}


@pytest.fixture
def run(tmp_path, monkeypatch, default_config):
    monkeypatch.chdir(tmp_path)
    options = config(default_config)
    manifest.run(small_run(options)[-1:], options, Path("results/manifest.json"))
    for path in Path("results").rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    stage.run(Path("results/manifest.json"), Path("results/source"), METADATA)
    return options


def entities():
    return {entity["@id"]: entity for entity in read_json(METADATA)["@graph"]}


def references(value):
    if isinstance(value, dict):
        yield from [value["@id"]] if set(value) == {"@id"} else references(list(value.values()))
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def test_the_crate_is_a_workflow_run_crate(run):
    found = entities()
    root = found["./"]
    assert {profile["@id"] for profile in root["conformsTo"]} == {
        "https://w3id.org/ro/wfrun/process/0.5",
        "https://w3id.org/ro/wfrun/workflow/0.5",
        "https://w3id.org/workflowhub/workflow-ro-crate/1.0",
    }
    main = found[root["mainEntity"]["@id"]]
    assert main["@type"] == ["File", "SoftwareSourceCode", "ComputationalWorkflow"]
    assert found[main["programmingLanguage"]["@id"]]["name"] == "Snakemake"
    action = found[root["mentions"]["@id"]]
    assert (action["@type"], action["instrument"]["@id"]) == ("CreateAction", main["@id"])
    assert action["endTime"] == root["datePublished"] == "2001-09-09T01:46:40+00:00"
    assert {part["@id"] for part in action["result"]} <= {part["@id"] for part in root["hasPart"]}


@pytest.fixture
def settings(tmp_path):
    """Of a validation that needs no network: the validator's cache holds the context."""
    cache = tmp_path / "cache"
    content = json.dumps({"@context": DEFINED}).encode()
    answer = requests.Response()
    answer.url, answer.status_code, answer._content = CONTEXT, 200, content
    answer.headers["Content-Type"] = "application/ld+json"
    answer.request = requests.Request("GET", CONTEXT).prepare()
    answer.raw = urllib3.HTTPResponse(BytesIO(content), answer.headers, 200, preload_content=False)
    with requests_cache.CachedSession(str(cache)) as session:
        session.cache.save_response(answer)
    return partial(ValidationSettings, "results", offline=True, cache_path=cache)


@pytest.mark.parametrize("profile", ["workflow-run-crate", "process-run-crate", "workflow-ro-crate"])
def test_the_validator_finds_what_each_profile_requires(run, settings, profile):
    assert [issue.message for issue in validate(settings(profile_identifier=profile)).get_issues()] == []


def test_the_validator_finds_what_is_missing(run, settings):
    described = json.loads(METADATA.read_text())
    for entity in described["@graph"]:
        if entity["@id"] == "./":
            del entity["mainEntity"]
    METADATA.write_text(json.dumps(described))
    assert not validate(settings(profile_identifier="workflow-run-crate")).passed()


def test_everything_that_is_named_is_described_and_there(run):
    found = entities()
    known = {"https://w3id.org/ro/crate/1.1"}
    assert set(references(list(found.values()))) <= set(found) | known
    files = [
        entity for entity in found.values() if set(entity["@type"]) & {"File"} or entity["@type"] in ("File", "Dataset")
    ]
    for entity in files:
        path = Path("results", entity["@id"])
        assert path.exists()
        if path.is_file() and "contentSize" in entity:
            assert path.stat().st_size == int(entity["contentSize"])
            assert stage.records.sha256(path) == entity["sha256"]


def test_the_workflow_lies_in_the_crate_with_the_config_of_the_run(run):
    copied = {path.relative_to("results/source").as_posix() for path in Path("results/source").rglob("[!.]*")}
    assert {"Snakefile", "config.yaml", "workflow/rules/common.smk", "workflow/degcraft/io.py"} <= copied
    assert not [name for name in copied if name.endswith(".pyc")]
    given = json.loads(Path("results/source/config.yaml").read_text())
    assert given == {name: value for name, value in run.items() if name != "data"}


def test_a_result_that_changed_since_the_manifest_is_told(run):
    shutil.copy("results/images/bins/.index.csv.record", "results/images/bins/.pixels.npy.record")
    with pytest.raises(DegcraftError, match=r"pixels.npy: another one than when the manifest was written"):
        stage.run(Path("results/manifest.json"), Path("results/source"), METADATA)
