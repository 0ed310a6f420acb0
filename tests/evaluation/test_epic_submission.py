"""The format of the EPIC-KITCHENS-100 challenge, as the dataset's own code writes it."""

import json
import zipfile

import numpy as np
import pytest

from gsf_tf.errors import UserError
from gsf_tf.evaluation import save_epic_submission
from tests.evaluation.test_scores import make_scores

TASKS = {"verb": 97, "noun": 300, "action": 5}
IDS = (
    "val-00000-of-00001.tfrecord:0 P01/videos/P01_11.MP4#P01_11_0",
    "val-00000-of-00001.tfrecord:1 P02/videos/P02_101.MP4#P02_101_17",
)


def test_every_verb_and_noun_has_its_score(tmp_path):
    scores = make_scores(IDS, tasks=TASKS)
    save_epic_submission(scores, tmp_path / "submission.zip", (1, 3, 4))
    assert [path.name for path in tmp_path.iterdir()] == ["submission.zip"]
    with zipfile.ZipFile(tmp_path / "submission.zip") as archive:
        assert archive.namelist() == ["test.json"]
        submission = json.loads(archive.read("test.json"))
    results = submission.pop("results")
    assert submission == {
        "version": "0.2",
        "challenge": "action_recognition",
        "sls_pt": 1,
        "sls_tl": 3,
        "sls_td": 4,
    }
    assert list(results) == ["P01_11_0", "P02_101_17"]
    for row, entry in enumerate(results.values()):
        assert set(entry) == {"verb", "noun"}
        for task, by_class in entry.items():
            assert list(by_class) == [str(index) for index in range(TASKS[task])]
            np.testing.assert_allclose(list(by_class.values()), scores.logits[task][row], rtol=1e-6)


@pytest.mark.parametrize(
    ("ids", "tasks", "supervision", "message"),
    [
        (IDS, {"action": 3806}, (2, 3, 3), "97 verbs and 300 nouns. Received: 3806 action"),
        (IDS, {"verb": 97, "noun": 299}, (2, 3, 3), "Received: 97 verb, 299 noun"),
        (("a:0 P01_11.MP4",), TASKS, (2, 3, 3), "narration id of each clip.*'a:0 P01_11.MP4'"),
        (
            ("a:0 P01.MP4#P01_11_0", "a:1 P02.MP4#P01_11_0"),
            TASKS,
            (2, 3, 3),
            "one clip per narration id. Received: 'P01_11_0' of 'a:0 P01.*' and of 'a:1 P02",
        ),
        (IDS, TASKS, (2, 3, 6), r"three levels of 0 to 5.*Received: supervision=\(2, 3, 6\)"),
        (IDS, TASKS, (2, 3), "three levels of 0 to 5"),
        (IDS, TASKS, (2, 3, "3"), "three levels of 0 to 5"),
    ],
)
def test_what_is_no_submission(tmp_path, ids, tasks, supervision, message):
    with pytest.raises(UserError, match=message):
        save_epic_submission(make_scores(ids, tasks=tasks), tmp_path / "a.zip", supervision)
    assert not list(tmp_path.iterdir())
