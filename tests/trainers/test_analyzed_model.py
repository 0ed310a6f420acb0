import pytest

from trainers.analyzed_model import short_names
from trainers.report_folder import LONGEST_STEM, file_stem


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["runs/tsn", "other/gsf/"], ["tsn", "gsf"]),
        (["runs/tsn/s.npz", "runs/gsf/s.npz"], ["tsn/s.npz", "gsf/s.npz"]),
        # Files of the report would have the same name, or the same on some file systems.
        (["runs/a b", "runs/a_b"], ["1 runs/a b", "2 runs/a_b"]),
        (["runs/A", "runs/a"], ["1 runs/A", "2 runs/a"]),
        (["runs/a", "runs/a"], ["1 runs/a", "2 runs/a"]),
    ],
)
def test_names_tell_models_apart(paths, names):
    assert short_names(paths) == names


def test_names_of_files_are_safe_and_short():
    assert file_stem("gains_../a b/ü?.npz") == "gains_.._a_b_ü_.npz"
    assert file_stem("///") == "model"
    long = [file_stem("ü" * 300 + end) for end in "ab"]
    assert long[0] != long[1]
    assert all(len(stem.encode()) <= LONGEST_STEM + 9 for stem in long)
