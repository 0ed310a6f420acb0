"""The tables of docs/experiments.md are those of the rows."""

import re

import pytest

from benchmarks.experiment_tables import FILES, markdown, millions, rows
from tests import exhaustive
from tests.configs.every_config import REPOSITORY, TABLES

DOCS = (REPOSITORY / "docs" / "experiments.md").read_text()
COUNTED = {
    ("gsf", "resnet50_epic100_16f"),
    ("rubiksnet", "tiny_imagenet"),
    ("rubiksnet", "large_aq_hmdb51_8f"),
    ("controls", "gsm_bninception_ssv1_8f"),
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
