"""The watchdog of the fuzzers: children that die, and that say nothing."""

import pathlib

import pytest

from tests import exhaustive
from tests.fuzzing import print_table, watch

BAD_CHILD = str(pathlib.Path(__file__).with_name("bad_child.py"))


@pytest.mark.parametrize("per_pass", exhaustive.cases([1, 2], lambda number: number == 2))
@pytest.mark.parametrize(("how", "text"), [("crash", "crash (status -6)"), ("hang", "hang")])
def test_a_crash_and_a_hang_are_found(how, text, per_pass, capsys):
    results = list(watch([BAD_CHILD, how], 0, 5, per_pass, 5))
    outcomes = [outcome for _, _, outcome, *_ in results]
    assert outcomes[:3] == ["valid"] * 3 and outcomes[3].startswith(text)
    assert [seed for seed, *_ in results] == [0, 1, 2, 3, 4] and outcomes[4] == "valid"
    assert print_table(results) == 1
    assert "case 3: " + text in capsys.readouterr().out
