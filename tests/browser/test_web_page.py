"""The static page of `export_web_page`, in a browser: a clip goes in, the classes come out."""

import base64
import contextlib
import time

import av
import numpy as np
import pytest
from PIL import Image

import gsf_tf
from gsf_tf.data.pipeline.cropping import view_crops
from gsf_tf.data.pipeline.sampling import test_dense_indices, test_segment_indices
from gsf_tf.export.clip_recipe import describe_crop
from gsf_tf.ops import scale_crops
from tests.browser.page_server import ISOLATION, serving
from tests.browser.planted_model import LABELS, NUM_SEGMENTS, RED_TO_BLUE, red_to_blue
from tests.browser.web_page import choose, numbers, open_page, shown_classes
from tests.data.video_maker import make_video


@pytest.fixture(scope="module")
def predictor(page_folder):
    """`gsf_tf.Predictor` of the page's own model."""
    with gsf_tf.Predictor(page_folder) as predictor:
        yield predictor


def test_a_video_gets_the_classes_that_predict_gives(web_page, video, predictor):
    page = web_page
    assert page.title() == page.inner_text("h1") == "Red & <b>blue</b>"
    assert choose(page, video) == ""
    (row,) = predictor.predict([video])
    assert row.top(1)[0][0] == RED_TO_BLUE
    shown = shown_classes(page)
    assert [name for name, _ in shown] == [name for name, _ in row.top(5)]
    assert RED_TO_BLUE in page.inner_text("#status")
    found = numbers(page)
    assert (found["num_frames"], found["frames"]) == (30, [3, 11, 18, 26])
    assert found["labels"] == list(LABELS)
    assert difference(found, row) < 1e-3
    for (_, text), (_, probability) in zip(shown, row.top(5), strict=True):
        assert float(text.removesuffix(" %")) == pytest.approx(100 * probability, abs=0.2)
    assert page.locator("#frames li").count() == NUM_SEGMENTS
    assert page.locator("#frames figcaption").first.inner_text() == "0.13 s"
    assert "4 of 30 frames" in page.inner_text("#timing") and "1 thread" in page.inner_text(
        "#timing"
    )
    assert not page.is_visible("#short")
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 390, "a phone would have to scroll sideways"


def difference(found, row):
    """Returns the largest difference of the logits, as a share of the largest one."""
    return np.abs(np.array(found["logits"]) - row.logits).max() / np.abs(row.logits).max()


def test_every_kind_of_video_gets_the_logits_of_predict(web_page, predictor, tmp_path):
    """Turned and mirrored, large and of an odd size, B-frames, another codec and container."""
    turned = {"90": (0, 1, -1, 0), "180": (-1, 0, 0, -1), "270": (0, -1, 1, 0)}
    mirrored = {"mirror": (-1, 0, 0, 1), "mirror_90": (0, 1, 1, 0)}
    videos = [
        make_video(tmp_path / f"{name}.mp4", 9, display_matrix=matrix)
        for name, matrix in {**turned, **mirrored}.items()
    ]
    videos += [
        make_video(tmp_path / "large.mp4", 5, 250, 334),
        make_video(tmp_path / "vp8.webm", 9, 63, 95),
        make_video(tmp_path / "b_frames.mov", 25, encoder_options={"bf": "3", "g": "8"}),
        *write_colors(tmp_path),
    ]
    for video in videos:
        assert choose(web_page, video) == "", video
        (row,) = predictor.predict([video])
        assert difference(numbers(web_page), row) < 2e-3, video


def write_colors(folder):
    """Writes videos whose files name their color space, of colors that lie far apart."""
    for name, colors in {"bt709": 1, "full_range": 2}.items():
        path = folder / f"{name}.mp4"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=10)
            stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
            stream.options = {"preset": "ultrafast", "crf": "10"}
            stream.codec_context.colorspace = 1
            stream.codec_context.color_range = colors
            for pixels in red_to_blue(8, 64, 96):
                frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                options = {"dst_colorspace": "ITU709", "dst_color_range": colors}
                container.mux(stream.encode(frame.reformat(format="yuv420p", **options)))
            container.mux(stream.encode())
        yield path


def test_frames_and_crops_are_those_of_the_pipelines(web_page):
    """The modules of the page against the data pipeline, number by number."""
    page = web_page
    lengths = [1, 2, 7, 8, 9, 29, 63, 64, 65, 300, 1001]
    found = page.evaluate(
        """async (lengths) => {
          const {segmentFrames, denseFrames} = await import("./page/sampling.js");
          return lengths.map((n) => [segmentFrames(n, 8), denseFrames(n, 8, null),
                                     denseFrames(n, 16, 3)]);
        }""",
        lengths,
    )
    for length, (segments, dense, strided) in zip(lengths, found, strict=True):
        assert segments == test_segment_indices(length, 8).numpy().tolist()
        assert dense == test_dense_indices(length, 8, 1).numpy()[0].tolist()
        assert strided == test_dense_indices(length, 16, 1, 3).numpy()[0].tolist()
    for height, width, size in ((71, 93, (32, 32)), (90, 50, (24, 40)), (20, 30, (32, 32))):
        picture = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
        crop = page.evaluate(
            """async ([data, height, width, size, share]) => {
              const {centerCrop} = await import("./page/scaling.js");
              const picture = {data: Uint8Array.from(data), height, width, channels: 3};
              return [...centerCrop(picture, size, share).data];
            }""",
            [picture.ravel().tolist(), height, width, size, describe_crop(*size)["crop_share"]],
        )
        expected = scale_crops(picture[None], view_crops(height, width, size, 1), size)[0, 0]
        off = np.array(crop).reshape(*size, 3) - expected.numpy().astype(int)
        assert np.abs(off).max() <= 1 and np.mean(off != 0) < 5e-3


def test_equal_pixels_give_equal_logits(web_page, predictor, tmp_path):
    """Pictures are not decoded as videos are; the last one is larger than the short side."""
    paths = [tmp_path / f"{number}.png" for number in range(8, 13)]
    for path, frame in zip(paths, red_to_blue(5, 36, 50), strict=True):
        Image.fromarray(frame).save(path)
    page = web_page
    assert choose(page, *reversed(paths)) == ""
    (row,) = predictor.predict([red_to_blue(5, 36, 50)])
    found = numbers(page)
    assert found["frames"] == [0, 1, 3, 4]
    np.testing.assert_allclose(found["logits"], row.logits, rtol=0, atol=1e-4)
    assert page.locator("#frames figcaption").all_inner_texts() == ["0", "1", "3", "4"]
    noise = np.random.default_rng(0).integers(0, 256, (150, 201, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "large.png")
    assert choose(page, tmp_path / "large.png") == ""
    (row,) = predictor.predict([tmp_path / "large.png"])
    np.testing.assert_allclose(numbers(page)["logits"], row.logits, rtol=0, atol=1e-4)


@pytest.mark.exhaustive
def test_a_server_that_isolates_pages_gives_threads(browser, page_folder, video, predictor):
    with serving(page_folder, ISOLATION) as address:
        page = open_page(browser, address)
        assert choose(page, video) == ""
        assert "threads)" in page.inner_text("#timing")
        assert shown_classes(page)[0][0] == RED_TO_BLUE
        page.close()


@contextlib.contextmanager
def expect_file_chooser(page):
    """Waits until the page asks for files, and keeps the window of the browser closed.

    Playwright's `expect_file_chooser` does not wait until Chromium has heard that it shall keep the
    window closed.
    """
    from tests.browser.watched_browser import PATIENCE

    opened = []
    session = page.context.new_cdp_session(page)
    session.on("Page.fileChooserOpened", lambda event: opened.append(event))
    session.send("Page.enable")
    session.send("Page.setInterceptFileChooserDialog", {"enabled": True})
    try:
        yield
        end = time.monotonic() + PATIENCE / 1000
        while not opened and time.monotonic() < end:
            page.wait_for_timeout(20)
        assert opened, "the page did not ask for files"
        asking = session.send("DOM.describeNode", {"backendNodeId": opened[0]["backendNodeId"]})
        assert "multiple" in asking["node"]["attributes"]
    finally:
        session.detach()


def test_the_page_works_by_keyboard(web_page, video):
    page = web_page
    # The title is what Tab starts from, whatever another test has clicked last.
    page.evaluate("Object.assign(document.querySelector('#title'), {tabIndex: -1}).focus()")
    page.keyboard.press("Tab")
    with expect_file_chooser(page):
        page.keyboard.press("Enter")
    page.set_input_files("#file", video)
    page.locator("#result:visible").wait_for()
    assert shown_classes(page)[0][0] == RED_TO_BLUE


def test_a_video_is_dropped_on_the_page(web_page, video):
    web_page.evaluate(
        """(content) => {
          const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt());
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(new File([bytes], "dropped.mp4", {type: "video/mp4"}));
          document.body.dispatchEvent(new DragEvent("drop", {dataTransfer, bubbles: true}));
        }""",
        base64.b64encode(video.read_bytes()).decode(),
    )
    web_page.locator("#name", has_text="dropped.mp4").wait_for()
    assert shown_classes(web_page)[0][0] == RED_TO_BLUE


def test_the_webcam_is_recorded(web_page):
    page = web_page
    page.context.grant_permissions(["camera"])
    page.click("#webcam")
    page.locator("#status", has_text="The camera is on").wait_for()
    page.select_option("#seconds", "1")
    page.click("#record")
    page.locator("#name", has_text="Webcam").wait_for()
    found = numbers(page)
    assert found["video"] == "Webcam" and found["num_frames"] >= 1
    assert len(found["frames"]) == page.locator("#frames li").count() == NUM_SEGMENTS
    page.click("#off")
    assert not page.is_visible("#camera")
    assert page.evaluate("document.querySelector('#view').srcObject") is None
    page.context.clear_permissions()
