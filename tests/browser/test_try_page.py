"""The page of `gsf-tf try` in Chromium: what it shows of files, of the webcam and of errors."""

import pytest

from tests.data.video_maker import cut, make_video
from tests.trainers.try_models import SEGMENTS, served, small_predictor, tried

GSF, TSN = ["one", "two", "three"], ["<i>x</i>", "ö", "日本語の名前", "w", "v", "u"]
DONE = "#answers:not([aria-busy])"
LOADED_WIDTH = """async (video) => {
  if (video.readyState < 2 && !video.error) {
    await new Promise((loaded) => { video.onloadeddata = video.onerror = loaded; });
  }
  if (video.error) throw new Error(`The video must load. Received: ${video.error.message}`);
  return video.videoWidth;
}"""


@pytest.fixture(scope="module")
def predictors():
    return [small_predictor("gsf_resnet14thin", GSF), small_predictor("tsn_resnet14thin", TSN)]


@pytest.fixture(scope="module")
def address(predictors, tmp_path_factory):
    folder = tmp_path_factory.mktemp("uploads")
    with served([tried(predictor) for predictor in predictors], folder) as address:
        yield address


@pytest.fixture
def video(tmp_path):
    return make_video(tmp_path / "growing.mp4", 12, 64, 64)


def texts(page, selector):
    return page.locator(selector).all_inner_texts()


def boxes(page):
    return [article.bounding_box() for article in page.locator("article").all()]


def choose(page, path):
    page.locator("article").first.wait_for()
    page.set_input_files("#file", path)
    page.locator(DONE).wait_for()


def wait_for_answers(page):
    page.locator("#status", has_text=" says ").wait_for()


def test_two_models_answer_side_by_side(browser, address, predictors, video):
    page = browser.open(address)
    page.locator("article").nth(1).wait_for()
    assert texts(page, "h2") == ["gsf_resnet14thin", "tsn_resnet14thin"]
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "file"
    choose(page, video)
    wait_for_answers(page)
    best = []
    for number, predictor in enumerate(predictors, 1):
        expected = predictor.top(video, 5)
        best.append(expected[0][0])
        article = f"article:nth-child({number})"
        assert texts(page, f"{article} .label") == [name for name, _ in expected]
        shown = [f"{100 * p:.1f} %" for _, p in expected]
        assert texts(page, f"{article} .percent") == shown
        bars = "bars => bars.map(bar => bar.offsetWidth / bar.parentElement.offsetWidth)"
        widths = page.locator(f"{article} .bar span").evaluate_all(bars)
        assert widths == pytest.approx([p for _, p in expected], abs=0.01)
        assert page.locator(f"{article} .strips:not(.maps) img").count() == SEGMENTS
        assert "s for the model" in page.inner_text(f"{article} .time")
    assert page.locator("article:nth-child(1) .maps figure").count() == 7
    assert "no layers that learn a gate" in page.inner_text("article:nth-child(2) .note")
    assert page.inner_text("#status") == (
        f"growing.mp4: gsf_resnet14thin says {best[0]}; tsn_resnet14thin says {best[1]}."
    )
    # Every picture and video is one, and nothing is wider than the window.
    page.locator("img").evaluate_all("images => Promise.all(images.map(each => each.decode()))")
    moving = page.locator(".moving video").first.evaluate(LOADED_WIDTH)
    assert moving == 2 * page.locator(".strips img").first.evaluate("image => image.naturalWidth")
    left, right = (box["x"] for box in boxes(page))
    assert left < right and page.evaluate("document.documentElement.scrollWidth") == 1280
    page.set_viewport_size({"width": 390, "height": 844})
    left, right = (box["x"] for box in boxes(page))
    assert left == right and page.evaluate("document.documentElement.scrollWidth") == 390


def test_a_damaged_file_gives_the_sentence_of_predict(
    browser, address, predictors, tmp_path, video
):
    damaged = cut(make_video(tmp_path / "damaged.mp4", 20, noise=True), 0.5)
    (row,) = predictors[0].predict([str(damaged)])
    page = browser.open(address)
    choose(page, damaged)
    page.locator("#error").wait_for()
    assert page.inner_text("#error") == str(row.error).replace(str(damaged), "damaged.mp4")
    assert page.locator(".label").count() == 0
    choose(page, video)
    wait_for_answers(page)
    assert not page.locator("#error").is_visible()


def test_a_file_that_is_too_large_is_not_sent(browser, address, tmp_path):
    large = tmp_path / "large.mp4"
    large.write_bytes(bytes(3 * 2**20))
    page = browser.open(address)
    page.locator("#limit:not(:empty)").wait_for()
    page.set_input_files("#file", large)
    page.locator("#error").wait_for()
    assert page.inner_text("#error").startswith(
        "A file may have 1 MB. Received: large.mp4 with 3 MB"
    )
    assert not [request for request in browser.requests if "/clips" in request]


def test_a_recording_of_the_webcam(browser, address):
    """The camera is one of Chromium's own, with a moving picture."""
    page = browser.open(address, permissions=["camera"])
    page.select_option("#seconds", "2")
    page.locator("article").first.wait_for()
    page.click("#record")
    wait_for_answers(page)
    assert page.inner_text("#status").startswith("webcam.webm: gsf_resnet14thin says ")
    assert page.locator("#record").is_enabled()


def test_a_webcam_that_is_not_allowed(browser, address):
    page = browser.open(address, permissions=[])
    page.locator("article").first.wait_for()
    page.click("#record")
    page.locator("#error").wait_for()
    assert page.inner_text("#error").startswith("The webcam must be there, free and allowed.")


def test_a_server_that_has_ended(browser, predictors, tmp_path, video):
    browser.expect_error("ERR_CONNECTION_REFUSED")
    with served([tried(predictors[1])], tmp_path) as address:
        page = browser.open(address)
        page.locator("article").wait_for()
    page.set_input_files("#file", video)
    page.locator("#error").wait_for()
    assert "Look at the terminal of gsf-tf try" in page.inner_text("#error")


def test_a_file_that_is_chosen_before_the_limit_is_known(browser, address, tmp_path):
    large = tmp_path / "large.mp4"
    large.write_bytes(bytes(3 * 2**20))
    page = browser.open(address)

    def choose_first(route):
        page.set_input_files("#file", large)
        route.continue_()

    page.route("**/models", choose_first)
    page.reload()
    page.locator("#error").wait_for()
    assert page.inner_text("#error").startswith("A file may have 1 MB. Received: large.mp4")


def test_a_browser_that_is_too_old(browser, address):
    page = browser.open(address)
    page.add_init_script("delete window.TextDecoderStream")
    page.reload()
    assert "Received: one without TextDecoderStream. Open the page in" in page.inner_text("#error")
    assert page.locator("#file").is_disabled() and page.locator("#record").is_disabled()
    assert page.locator("article").count() == 0
