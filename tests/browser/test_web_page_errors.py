"""The static page: whatever is wrong is a sentence on the page, and the next clip works."""

import json
import shutil

import pytest
from PIL import Image

from gsf_tf.data.demo_clips import write_video
from tests.browser.page_server import serving
from tests.browser.planted_model import RED_TO_BLUE, red_to_blue
from tests.browser.web_page import choose, open_page, shown_classes
from tests.data.video_maker import cut, make_audio, make_video


def spoil(path, share):
    """Overwrites a stretch of a file from a share of its length on."""
    data = bytearray(path.read_bytes())
    start = int(len(data) * share)
    data[start : start + 4000] = b"\xff" * len(data[start : start + 4000])
    path.write_bytes(data)
    return path


def test_files_that_are_no_good_videos(web_page, video, tmp_path):
    text, empty = tmp_path / "text.mp4", tmp_path / "empty.mp4"
    text.write_text("no video at all\n" * 1000)
    empty.write_bytes(b"")
    no_picture = tmp_path / "picture.png"
    no_picture.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    animated = tmp_path / "animated.gif"
    Image.new("RGB", (8, 8)).save(animated)
    cases = {
        text: "text.mp4 is not a video that this page can read",
        empty: "empty.mp4 is empty",
        make_audio(tmp_path / "sound.mp4"): "sound.mp4 has no video in it",
        make_video(tmp_path / "old.avi"): "old.avi is not a video that this page can read",
        cut(make_video(tmp_path / "cut.mp4", 20, noise=True), 0.5): "of cut.mp4",
        spoil(make_video(tmp_path / "spoiled.mp4", 20, noise=True), 0.3): "of spoiled.mp4",
        no_picture: "picture.png is not a picture that this browser can decode",
        animated: "Convert animated.gif to MP4 first",
    }
    page = web_page
    for path, message in cases.items():
        problem = choose(page, path)
        assert message in problem and problem.endswith("."), path
        assert not page.is_visible("#result")
    assert "Choose one video" in choose(page, video, text)
    assert choose(page, video) == ""
    assert shown_classes(page)[0][0] == RED_TO_BLUE


def test_a_video_of_few_frames_says_that_some_are_repeated(web_page, tmp_path):
    write_video(tmp_path / "short.mp4", red_to_blue(2))
    assert choose(web_page, tmp_path / "short.mp4") == ""
    assert "The clip has 2 frames and the model takes 4" in web_page.inner_text("#short")


def test_a_codec_that_the_browser_lacks(web_page, video):
    web_page.evaluate(
        """window.kept = VideoDecoder.isConfigSupported;
        VideoDecoder.isConfigSupported = async (config) => ({supported: false, config});
        null"""
    )
    assert "cannot decode the video of red to blue.mp4 (avc)" in choose(web_page, video)
    web_page.evaluate("VideoDecoder.isConfigSupported = window.kept; null")


LACKING = {
    "delete window.VideoDecoder": "cannot decode videos for a page",
    "delete window.WebAssembly": "needs WebAssembly with SIMD",
    "WebAssembly.validate = () => false": "needs WebAssembly with SIMD",
    "HTMLScriptElement.supports = () => false": "too old for this page",
    "Object.defineProperty(window, 'isSecureContext', {value: false})": "as http://localhost",
}


def test_a_browser_that_lacks_a_feature(browser, page_address):
    page = browser.open("about:blank")
    page.context.add_init_script(
        f"""const lacking = {json.dumps(list(LACKING))};
        const number = new URLSearchParams(location.search).get("lacking");
        if (number) (0, eval)(lacking[number]);"""
    )
    for number, message in enumerate(LACKING.values()):
        page.goto(f"{page_address}?lacking={number}")
        assert message in page.inner_text("#problem")
        assert page.is_disabled("#choose")


def test_a_page_that_was_opened_as_a_file(browser, page_folder):
    browser.expect_error("blocked by CORS policy|ERR_FAILED")
    page = browser.open((page_folder / "index.html").as_uri())
    assert "python -m http.server" in page.inner_text("#problem")


def test_no_camera_and_no_permission(web_page):
    page = web_page
    for error, message in {
        "NotAllowedError": "Allow the camera for this page",
        "NotFoundError": "no camera that the browser can see",
        "NotReadableError": "another program may be using it",
    }.items():
        page.evaluate(
            """(error) => navigator.mediaDevices.getUserMedia = () =>
              Promise.reject(new DOMException("a test", error))""",
            error,
        )
        page.click("#webcam")
        page.locator("#problem", has_text=message).wait_for()
        assert not page.is_visible("#camera") and not page.is_disabled("#choose")
    page.evaluate("delete navigator.mediaDevices.getUserMedia")


SILENT_CAMERAS = {
    "view.srcObject.getTracks()[0].stop()": "The camera was disconnected",
    """window.setTimeout = (call, wait) => kept.setTimeout(call, wait / 100);
    view.requestVideoFrameCallback = () => {}""": "The camera gives no picture",
    "window.createImageBitmap = async () => { throw new Error('x'); }": "cannot be read (x).",
}


def test_a_camera_that_gives_no_picture(web_page):
    page = web_page
    page.context.grant_permissions(["camera"])
    page.evaluate(
        """window.kept = {setTimeout: setTimeout.bind(window), createImageBitmap};
        view.play = () => {
          window.track = view.srcObject.getTracks()[0];
          return Promise.reject(new Error("x"));
        };
        null"""
    )
    page.click("#webcam")
    page.locator("#problem", has_text="The picture of the camera cannot be shown (x).").wait_for()
    assert page.evaluate("track.readyState") == "ended" and not page.is_visible("#camera")
    page.evaluate("delete view.play")
    for spoil_it, message in SILENT_CAMERAS.items():
        page.click("#webcam")
        page.locator("#status", has_text="The camera is on").wait_for()
        page.evaluate(f"{spoil_it}; null")
        page.click("#record")
        page.locator("#problem", has_text=message).wait_for()
        page.locator("body:not(.busy)").wait_for()
        page.evaluate("delete view.requestVideoFrameCallback; Object.assign(window, kept); null")
    page.click("#off")
    page.context.clear_permissions()


def test_an_answer_that_is_no_number(web_page):
    message = web_page.evaluate(
        """async () => {
          const {Classifier} = await import("./page/classifier.js");
          const tensor = {toTypedArray: () => [1, NaN], delete: () => {}};
          const model = {run: async () => ({logits: tensor, probabilities: tensor})};
          const clip = new Uint8Array(3);
          return new Classifier(model, [1, 1, 1, 1, 3], 1).run(clip).catch((e) => e.message);
        }"""
    )
    assert "not finite numbers" in message


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("float32.tflite", "The file float32.tflite of this page cannot be loaded (HTTP 404)"),
        ("page.json", "The file page.json of this page cannot be loaded (HTTP 404)"),
        ("libraries/litertjs/wasm/litert_wasm_internal.js", "LiteRT.js cannot be loaded"),
    ],
)
def test_a_folder_that_was_not_copied_whole(name, message, browser, page_folder, tmp_path):
    browser.expect_error("404")
    copy = shutil.copytree(page_folder, tmp_path / "page", copy_function=shutil.os.symlink)
    (copy / name).unlink()
    with serving(copy) as address:
        page = open_page(browser, address)
        assert message in page.inner_text("#problem")
        page.close()


@pytest.mark.exhaustive
def test_a_damaged_model(browser, page_folder, tmp_path):
    copy = shutil.copytree(page_folder, tmp_path / "page", copy_function=shutil.os.symlink)
    (copy / "float32.tflite").unlink()
    (copy / "float32.tflite").write_bytes(bytes(1000))
    with serving(copy) as address:
        page = open_page(browser, address)
        assert "LiteRT.js cannot run float32.tflite" in page.inner_text("#problem")
        page.close()
