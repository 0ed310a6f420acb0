import pytest

from benchmarks.quiet_machine import check_quiet, load_line
from gsf_tf.errors import UserError


def test_no_documentation_from_a_busy_machine():
    with pytest.raises(UserError, match="Received: 60 % of the processors"):
        check_quiet(60.0, docs="page.md")


def test_a_quiet_machine_or_a_look_at_the_tables_passes():
    check_quiet(3.0, docs="page.md")
    check_quiet(60.0, docs=None)


def test_the_report_says_when_its_figures_are_not_valid():
    assert "No figure here is valid" in load_line(60.0)
    assert load_line(3.0) == "Before the run, other work had 3 % of the processors."
