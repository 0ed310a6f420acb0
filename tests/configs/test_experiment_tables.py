"""The tables of docs/experiments.md are those of the rows."""

import re
import subprocess
import sys

import pytest

from benchmarks.accuracy_rows import ROWS as ACCURACY_ROWS
from benchmarks.experiment_dry_run import dry_run, select
from benchmarks.experiment_tables import FILES, every_row, markdown, millions, rows
from gsf_tf.errors import UserError
from tests import exhaustive
from tests.configs.every_config import ALL, REPOSITORY, TABLES, module

DOCS = (REPOSITORY / "docs" / "experiments.md").read_text()
COUNTED = {
    ("gsf", "resnet50_epic100_16f"),
    ("rubiksnet", "tiny_imagenet"),
}
# Their figure belongs to a row whose configuration is another one.
REPEATED = {
    ("controls", "tsn_bninception_ssv1_8f"),
    ("controls", "tsn_resnet50_ssv1_8f"),
    ("controls", "gsm_bninception_ssv1_8f"),
    ("rubiksnet", "large_aq_ssv2_8f"),
    ("rubiksnet", "large_aq_hmdb51_8f"),
}


def section(name):
    return re.search(f"<!-- begin {name} -->\n\n(.*?)\n\n<!-- end", DOCS, re.DOTALL)[1]


def documented_parameters(name):
    return dict(re.findall(rf"^\| `{name}:(\S+)` \| (\d+\.\d\d M) \|", section(name), re.MULTILINE))


@pytest.mark.parametrize("name", FILES)
def test_the_docs_have_every_row_with_its_results(name):
    parameters = documented_parameters(name)
    assert list(parameters) == list(rows(name))
    assert section(name) == markdown(name, parameters)


@pytest.mark.parametrize(
    ("name", "row"),
    exhaustive.cases([(name, row) for name in FILES for row in rows(name)], COUNTED.__contains__),
)
def test_the_docs_have_the_number_of_parameters(name, row):
    assert documented_parameters(name)[row] == millions(name, row)


def test_the_docs_name_every_table():
    for name in TABLES:
        assert f"| `configs/{name}.py` |" in DOCS


def printed(configuration):
    name, row = configuration.split(":")
    results = module(name).get_config(row).paper.results
    return [(result["source"], result["protocol"], result["top1"]) for result in results]


def test_evaluate_has_what_the_paper_leaves_open():
    (result,) = module("controls").get_config("tsm_resnet50_kinetics400_8f").paper.results
    assert result["note"].startswith("the paper says neither frames nor views, 8 frames and 10 x 3")
    (result, _) = module("rubiksnet").get_config("large_ssv1_8f").paper.results[:2]
    assert "note" not in result


def test_evaluate_has_the_figure_of_every_row_of_the_papers():
    for row in ACCURACY_ROWS:
        assert (row.source, row.protocol, row.top1) in printed(row.configuration), row


def test_every_figure_of_a_configuration_is_a_row_of_the_papers():
    known = {(row.configuration, row.source, row.protocol, row.top1) for row in ACCURACY_ROWS}
    for name, row in ALL:
        for figure in printed(f"{name}:{row}"):
            if (name, row) not in REPEATED:
                assert (f"{name}:{row}", *figure) in known, (name, row, figure)


def test_the_docs_have_every_row_of_the_papers():
    assert section("every_row") == every_row()


@pytest.mark.parametrize(
    ("configuration", "millions", "billions"),
    exhaustive.cases(
        [
            ("gsf_studies:table6_1", 10.46, 16.44),
            ("controls:tsm_resnet18_ssv2_8f", 11.27, 14.59),
            ("rubiksnet:tiny_ssv2_8f", 1.90, 3.87),
        ],
        lambda case: not case[0].startswith("gsf"),
    ),
)
def test_a_dry_run_builds_and_counts(configuration, millions, billions):
    """GSF paper, Table 6; RubiksNet paper, Table 1."""
    name, row = configuration.split(":")
    run = dry_run(name, row)
    assert round(run.parameters / 1e6, 2) == millions
    assert round(run.macs / 1e9, 2) == billions
    # A momentum for every trainable variable, the step and the learning rate.
    assert run.optimizer_variables > 60
    assert [result["top1"] for result in run.results] == [
        figure[2] for figure in printed(configuration)
    ]


def test_a_dry_run_is_of_every_row_or_of_some():
    assert sorted(select("")) == sorted(ALL)
    assert select("gsf_studies:table5") == [
        ("gsf_studies", row) for row in module("gsf_studies").ROWS if row.startswith("table5")
    ]
    with pytest.raises(UserError, match="Received: rows='gsf:nothing', which no row begins with"):
        select("gsf:nothing")


@pytest.mark.exhaustive
def test_the_program_prints_a_line_per_row():
    command = [sys.executable, "-m", "benchmarks.experiment_dry_run", "--rows=rubiksnet:tiny_ssv"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=REPOSITORY)
    for row, top1 in (("tiny_ssv1_8f", "-"), ("tiny_ssv2_8f", "54.6, 56.7")):
        (line,) = (line for line in done.stdout.splitlines() if f"`rubiksnet:{row}`" in line)
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        assert cells[1:3] == ["1.90 M", "3.87 G"] and cells[-1] == top1
    assert "2 configurations" in done.stdout
