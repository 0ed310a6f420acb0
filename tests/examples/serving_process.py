"""Serves a SavedModel as TensorFlow Serving does, with TensorFlow and nothing of gsf_tf.

  python tests/examples/serving_process.py EXPORT NAME

Answers Serving's REST interface (`POST /v1/models/NAME:predict` in the row format) and, where
tensorflow-serving-api is installed, its gRPC `PredictionService`. The model is run as Serving
runs it: by its signature, inputs and outputs by their names. Prints the two ports, 0 for gRPC that
is not served, and serves until its standard input ends.
"""

import base64
import concurrent.futures
import http.server
import json
import sys
import threading

import numpy as np
import tensorflow as tf


class BadRequest(Exception):
    """What Serving answers with an error."""


class Server:
    """The model under its name."""

    def __init__(self, path, name):
        self.name = name
        self._saved_model = tf.saved_model.load(path)

    def predict(self, inputs, signature_name):
        """Takes arrays by name, gives arrays by name."""
        signature = self._saved_model.signatures[signature_name or "serving_default"]
        specs = signature.structured_input_signature[1]
        if set(inputs) != set(specs):
            raise BadRequest(f"input must be {sorted(specs)}, not {sorted(inputs)}")
        for name, spec in specs.items():
            if not spec.shape.is_compatible_with(inputs[name].shape):
                raise BadRequest(f"{name} must be {spec.shape}, not {inputs[name].shape}")
        tensors = {name: tf.constant(inputs[name], spec.dtype) for name, spec in specs.items()}
        return {name: output.numpy() for name, output in signature(**tensors).items()}


def decoded(value):
    """Returns the value of an input, with bytes where the request has `{"b64": ...}`."""
    if isinstance(value, dict):
        return base64.b64decode(value["b64"])
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return np.array([decoded(part) for part in value], object)
    return value


def as_json(value):
    """Returns the value of an output; bytes are written as text."""
    if isinstance(value, bytes):
        return value.decode()
    return [as_json(part) for part in value] if value.dtype == object else value.tolist()


def rest_handler(server):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            try:
                self._answer(200, {"predictions": self._predictions(body)})
            except BadRequest as error:
                self._answer(400, {"error": str(error)})

        def _predictions(self, body):
            if self.path != f"/v1/models/{server.name}:predict":
                raise BadRequest(f"Servable not found for request: {self.path}")
            rows = body["instances"]
            inputs = {name: np.array([decoded(row[name]) for row in rows]) for name in rows[0]}
            outputs = server.predict(inputs, body.get("signature_name"))
            return [
                {name: as_json(value[i]) for name, value in outputs.items()}
                for i in range(len(rows))
            ]

        def _answer(self, status, value):
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(value).encode())

        def log_message(self, *_):
            pass

    return Handler


def start_rest(server):
    """Returns the port."""
    rest = http.server.ThreadingHTTPServer(("127.0.0.1", 0), rest_handler(server))
    threading.Thread(target=rest.serve_forever, daemon=True).start()
    return rest.server_address[1]


def start_grpc(server):
    """Returns the port, and the server, which stops when nothing refers to it."""
    try:
        import grpc
        from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc
    except ImportError:
        return 0, None

    class Service(prediction_service_pb2_grpc.PredictionServiceServicer):
        def Predict(self, request, context):
            if request.model_spec.name != server.name:
                missing = f"Servable not found for request: {request.model_spec.name}"
                context.abort(grpc.StatusCode.NOT_FOUND, missing)
            inputs = {name: tf.make_ndarray(value) for name, value in request.inputs.items()}
            response = predict_pb2.PredictResponse()
            for name, value in server.predict(inputs, request.model_spec.signature_name).items():
                if name in (request.output_filter or [name]):
                    response.outputs[name].CopyFrom(tf.make_tensor_proto(value))
            return response

    grpc_server = grpc.server(concurrent.futures.ThreadPoolExecutor(1))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Service(), grpc_server)
    port = grpc_server.add_insecure_port("127.0.0.1:0")
    grpc_server.start()
    return port, grpc_server


if __name__ == "__main__":
    server = Server(*sys.argv[1:])
    grpc_port, grpc_server = start_grpc(server)
    if "gsf_tf" in sys.modules:
        sys.exit("gsf_tf was imported, so this is not what Serving would answer")
    print(start_rest(server), grpc_port, flush=True)
    sys.stdin.read()
