"""The pages at the root of the repository: their links lead somewhere, their versions agree."""

import pathlib
import re

import pytest

import gsf_tf

REPOSITORY = pathlib.Path(__file__).parents[1]
PAGES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")
LINK = re.compile(r"\]\(([^)#]+)")


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files(page):
    targets = LINK.findall((REPOSITORY / page).read_text(encoding="utf-8"))
    local = [target for target in targets if "://" not in target]
    assert targets
    assert [target for target in local if not (REPOSITORY / target).exists()] == []


def test_versions_agree():
    citation = (REPOSITORY / "CITATION.cff").read_text(encoding="utf-8")
    cited = re.search(r"^version: (.+)$", citation, re.MULTILINE)[1]
    changelog = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## \[(.+?)\]", changelog, re.MULTILINE)[1]
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    wheels = re.findall(r"gsf_tf-([0-9.]+)-cp", readme)
    assert {cited, newest, *wheels} == {gsf_tf.__version__}


def test_wheels_of_the_readme_have_extras_that_exist():
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\[(\w+)\]'", readme))
    setup = (REPOSITORY / "setup.cfg").read_text(encoding="utf-8")
    extras = setup.split("[options.extras_require]")[1]
    assert named and named <= set(re.findall(r"^(\w+) =", extras, re.MULTILINE))
