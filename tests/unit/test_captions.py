"""What the report says of tables and figures: every one has words, and its numbers come from the results."""

import re
from pathlib import Path

import jinja2
import pytest
from docutils.core import publish_parts

from degcraft.captions import EXHIBITS, LOSSES, TABLES, TIMINGS, Caption, places
from degcraft.plans import FIGURES

ROOT = Path(__file__).parents[2]
RULES = "\n".join(path.read_text() for path in sorted((ROOT / "workflow" / "rules").glob("*.smk")))
CLAIMS = """claim,source,measured,spread,expected,verdict,why
narrow costs,Fig. 2 a,0.5238,0.2,above 0 dB; the paper +0.71,holds,mean over 3 seeds
wide is general,Fig. 2 b,NA,NA,above 0 dB,not tested,1 seed
gains,Table 2,-0.25,NA,above 0 dB,does not hold,mean over 3 seeds
"""
TABLE2 = """method,type,backbone,extractor,setting,metric,measured,paper,status
SRResNet baseline,baseline,srresnet,NA,setting1,psnr_y,24.731,28.14,
SRResNet dct,crafted,srresnet,dct,setting1,psnr_y,25.287,NA,
SRResNet dct,crafted,srresnet,dct,setting2,psnr_y,11.111,NA,
RCAN,compared,rcan,NA,setting1,psnr_y,NA,23.65,not run
"""


@pytest.fixture
def results(tmp_path):
    (tmp_path / "claims.csv").write_text(CLAIMS)
    (tmp_path / "table2.csv").write_text(TABLE2)
    (tmp_path / "figure6.csv").write_text("image,row,psnr_y\na,LR,NA\na,uniform,24\nb,uniform,25\na,oracle,26\n")
    (tmp_path / "timings.csv").write_text("rule,jobs,seconds,longest,cpu_seconds,memory_mib\na,3,90,60,60,NA\n")
    return tmp_path


def said(template, name, results, config):
    """Text of a caption, as the engine renders it, without the tags."""
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    job = {"params": {"about": Caption(name, results)}, "config": config, "wildcards": {"application": "archive"}}
    text = environment.from_string((ROOT / "workflow/report" / template).read_text()).render(snakemake=job, files=[])
    html = publish_parts(text, writer="html", settings_overrides={"halt_level": 2})["html_body"]
    assert "system-message" not in html
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", html)).strip()


def template(name):
    return "table.rst" if name in TABLES else "figure.rst"


def test_every_table_and_figure_has_words():
    assert {*FIGURES, *TABLES, LOSSES, TIMINGS} == set(EXHIBITS)
    assert len({exhibit.name for exhibit in EXHIBITS.values()}) == len(EXHIBITS)
    assert max(len(exhibit.shows) for exhibit in EXHIBITS.values()) <= 55  # one or two lines of the report's menu


def test_every_flag_has_category_labels_and_a_caption_that_is_there():
    flags = re.findall(r"report\(\n.*?\n        +\),", RULES, re.DOTALL)
    assert len(flags) == RULES.count("report(\n") == 9
    for flag in flags:
        assert "category=" in flag
        assert "labels=" in flag
        (caption,) = re.findall(r'caption="\.\./report/(\w+\.rst)"', flag)
        assert (ROOT / "workflow/report" / caption).is_file()


@pytest.mark.parametrize("name", EXHIBITS)
def test_captions_render_with_and_without_results(name, results, tmp_path, default_config):
    for folder in (results, tmp_path / "nowhere"):
        text = said(template(name), name, folder, default_config)
        assert len(text) > 100
        assert EXHIBITS[name].claim in text
        assert "{" not in text


def test_captions_of_figures_state_claim_expected_and_measured(results, default_config):
    text = said("figure.rst", "figure2", results, default_config)
    assert "of 2 claims 1 holds, 0 do not hold, 1 is not tested" in text
    assert "narrow costs: measured 0.524 (0.200), expected above 0 dB; the paper +0.71. Verdict: holds." in text
    assert "wide is general" not in text
    assert "1 more in the category Claims" in text
    assert "gains" not in text


def test_captions_of_crops_state_means(results, default_config):
    text = said("figure.rst", "figure6", results, default_config)
    assert "uniform: 24.50" in text
    assert "oracle: 26.00" in text
    assert "LR:" not in text


def test_captions_without_verdicts_say_so(tmp_path, default_config):
    assert "the claims were not judged" in said("figure.rst", "figure2", tmp_path, default_config)


def test_the_caption_of_table_2_states_ours_and_the_papers(results, default_config):
    text = said("table.rst", "table2", results, default_config)
    assert "on setting1" in text
    assert "SRResNet baseline: 24.73 (28.14) SRResNet dct: 25.29 " in text
    assert "11.11" not in text
    assert "RCAN" not in text
    assert "1 does not hold" in text


def test_the_caption_of_times_adds_them(results, default_config):
    text = said("figure.rst", "timings", results, default_config)
    assert "Together 3 jobs took 1.5 minutes of wall time and 1.0 minutes of processor time" in text


def test_other_pages_say_what_was_run(tmp_path, default_config):
    assert "archive" in said("application.rst", "table1", tmp_path, default_config)
    text = said("workflow.rst", "table1", tmp_path, default_config)
    assert f"{default_config['train']['iterations']} iterations" in text
    assert ", ".join(default_config["tables"]["settings"]) in text


def test_groups_of_figures_sort_by_number_within():
    groups = {}
    for name in FIGURES:
        groups.setdefault(places(name)[1], []).append(name)
    assert all(names == sorted(names) for names in groups.values())
