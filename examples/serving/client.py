"""Asks a model in TensorFlow Serving for the action in a video, by REST or gRPC.

`gsf-tf export` writes a SavedModel with everything a client must know in its assets: the names of
the classes and how a clip is made from a video. This client reads both and needs no gsf_tf and no
TensorFlow: PyAV decodes the video, Pillow scales the frames.

    gsf-tf export --workdir=demo/runs/gsf
    tensorflow_model_server --model_name=gsf --model_base_path=$PWD/demo/runs/gsf/export \
        --rest_api_port=8501 --port=8500
    python examples/serving/client.py --assets=demo/runs/gsf/export/1/assets clip.mp4
    python examples/serving/client.py --assets=... --jpeg clip.mp4
    python examples/serving/client.py --assets=... --grpc=localhost:8500 clip.mp4

The second form sends the frames as JPEG files, which the model itself crops and scales. The third
sends the clip's bytes instead of text, and needs the package tensorflow-serving-api, which brings
TensorFlow. A clip of 8 x 224 x 224 pixels is 1.2 MB by gRPC and some 4 MB as JSON. For a small
video, the client took 0.4 seconds of processor time by REST, and 7 by gRPC, nearly all of it to
import TensorFlow. README.md beside this file has a server. Install: pip install av numpy pillow.
"""

import argparse
import base64
import io
import json
import os
import pathlib
import urllib.error
import urllib.request

import av
import numpy as np
from av.video.reformatter import Interpolation
from PIL import Image

# As gsf_tf scales: the same pixels as in training.
SCALING = (
    Interpolation.BICUBIC
    | Interpolation.ACCURATE_RND
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.BITEXACT
)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("video", help="any file that FFmpeg decodes")
    parser.add_argument("--assets", required=True, type=pathlib.Path, help="of the SavedModel")
    parser.add_argument("--model", default="gsf", help="name under which the server has the model")
    parser.add_argument("--rest", default="http://localhost:8501", help="address for REST")
    parser.add_argument("--grpc", help="address for gRPC, as localhost:8500, instead of REST")
    parser.add_argument("--jpeg", action="store_true", help="send JPEG files of the frames")
    args = parser.parse_args()

    labels = (args.assets / "labels.txt").read_text(encoding="utf-8").splitlines()
    preprocessing = json.loads((args.assets / "preprocessing.json").read_text())
    if args.jpeg:
        signature, inputs = "serve_jpeg", {"jpeg": make_jpegs(args.video, preprocessing)}
    else:
        signature, inputs = "serving_default", {"clip": make_clip(args.video, preprocessing)}
    if args.grpc:
        outputs = ask_grpc(args.grpc, args.model, signature, inputs)
    else:
        outputs = ask_rest(args.rest, args.model, signature, inputs)
    if outputs.get("error"):
        raise SystemExit(f"The model could not read the frames: {outputs['error']}")
    probabilities = np.array(outputs["probabilities"])
    for i in np.argsort(-probabilities)[:5]:
        print(f"{probabilities[i]:6.1%}  {labels[i]}")


def make_clip(path, preprocessing):
    """Returns the clip of a video, uint8 `[T, H, W, 3]`, as `preprocessing.json` describes it."""
    height, width = preprocessing["image_size"]
    frames = read_frames(path, preprocessing)
    return np.stack([center_crop(frame, height, width) for frame in frames])


def make_jpegs(path, preprocessing):
    """Returns the frames of the clip as JPEG files, whole, as the records of the training."""
    files = []
    for frame in read_frames(path, preprocessing):
        file = io.BytesIO()
        Image.fromarray(frame).save(file, "JPEG", quality=95)
        files.append(file.getvalue())
    return np.array(files, object)


def read_frames(path, preprocessing):
    """Returns the frames of the clip, upright and scaled to the short side."""
    num_frames = count_frames(path)
    frames, wanted = {}, frame_indices(num_frames, preprocessing)
    with open_video(path) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index in wanted:
                frames[index] = upright(frame, preprocessing["short_side"])
    return [frames[index] for index in wanted]


def open_video(path):
    """Opens a video so that FFmpeg opens no other file or address that is named inside of it."""
    formats = "mov,matroska,avi,asf,flv,gif,mpegts,mpeg"
    options = {"protocol_whitelist": "file", "format_whitelist": formats}
    return av.open(file_name(path), container_options=options, metadata_errors="replace")


def count_frames(path):
    """Returns the number of frames that decode; headers may be wrong about it."""
    with open_video(path) as container:
        return sum(1 for _ in container.decode(video=0))


def file_name(path):
    """Returns a path as FFmpeg takes it; without `file:`, `12:30.mp4` would be an address."""
    return f"file:{os.path.abspath(path)}"


def frame_indices(num_frames, preprocessing):
    """Returns the positions of the frames of a clip, counted from 0."""
    segments = preprocessing["num_segments"]
    if preprocessing["sampling"] == "segments":
        tick = num_frames / segments
        return [int(tick * i + tick / 2) for i in range(segments)]
    stride = preprocessing["frame_stride"] or max(64 // segments, 1)
    window = segments * preprocessing["frame_stride"] if preprocessing["frame_stride"] else 64
    start = max(num_frames - window, 0) // 2
    return [(start + i * stride) % num_frames for i in range(segments)]


def upright(frame, short_side):
    """Returns the RGB pixels of a frame, turned as the file says, not larger than `short_side`."""
    scale = min(1, short_side / min(frame.width, frame.height))
    size = round(frame.width * scale), round(frame.height * scale)
    pixels = frame.reformat(*size, "rgb24", interpolation=SCALING).to_ndarray()
    return np.rot90(pixels, round(frame.rotation / 90))


def center_crop(pixels, height, width):
    """Returns 224 / 256 of the largest centered box of the shape height : width, scaled to it."""
    rows, columns = pixels.shape[:2]
    side = min(height, width)
    share = side / (side * 256 // 224)
    box_height = round(min(rows, columns * height // width) * share)
    box_width = round(min(columns, rows * width // height) * share)
    top, left = (rows - box_height) // 2, (columns - box_width) // 2
    box = Image.fromarray(pixels[top : top + box_height, left : left + box_width])
    return np.asarray(box.resize((width, height), Image.Resampling.BILINEAR))


def ask_rest(address, model, signature, inputs):
    """Returns the outputs for one clip by name, from Serving's REST interface."""
    if signature == "serve_jpeg":
        row = {"jpeg": [{"b64": base64.b64encode(file).decode()} for file in inputs["jpeg"]]}
    else:
        row = {"clip": inputs["clip"].tolist()}
    content = {"signature_name": signature, "instances": [row]}
    request = urllib.request.Request(
        f"{address}/v1/models/{model}:predict",
        data=json.dumps(content, separators=(",", ":")).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request) as response:
            return json.load(response)["predictions"][0]
    except urllib.error.HTTPError as error:
        raise SystemExit(f"The server refused the request: {error.read().decode()}") from error
    except urllib.error.URLError as error:
        raise SystemExit(f"No server answers at {address}: {error.reason}") from error


def ask_grpc(address, model, signature, inputs):
    """Returns the outputs for one clip by name, from Serving's gRPC interface."""
    import grpc
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value[None]))
    request.output_filter.extend(["probabilities", *["error"] * (signature == "serve_jpeg")])
    with grpc.insecure_channel(address) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        try:
            response = stub.Predict(request, timeout=60)
        except grpc.RpcError as error:
            message = f"The server at {address} did not answer: {error.details()}"
            raise SystemExit(message) from error
    return {name: tf.make_ndarray(value)[0] for name, value in response.outputs.items()}


if __name__ == "__main__":
    main()
