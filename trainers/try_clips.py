"""Try a model on clips of your own, on a page in the browser.

  gsf-tf try --model=runs/mine
  gsf-tf try --model=runs/tsn,runs/gsf --open_browser
  gsf-tf try --model=gsf_ssv1.pth.tar --labels=ssv1.txt --port=9000

The command opens the models and serves a page at an address that it prints. The page takes a
video, a picture or a recording of the webcam, and shows what the models see and say: the sampled
frames, the most probable classes, the time, what in the clip speaks for the answer (class
activation), and the gates of GSF and GSM. Several models answer side by side, each with the names
of its own classes. Ctrl-C ends the command.

--model is whatever `gsf-tf predict` takes; several are separated by commas. Workdirs and exports
are programs: load only models from sources that you trust. The maps need the layers of a model,
which an export does not have. --labels names the classes of models that keep none: one file, or
one for each model, separated by commas, with nothing between two commas for a model that keeps its
names (--labels=,b.txt).

The clips stay on this machine. A clip goes through the same checks as a file of `gsf-tf predict`,
and is deleted after its answer. The page itself loads nothing from elsewhere. By default only this
machine can open it; --host=0.0.0.0 lets everybody in the network do so, without a password.
"""

from absl import flags

from . import cli

_MODEL = flags.DEFINE_list("model", [], "Any trained models; see above.")
_LABELS = flags.DEFINE_list("labels", [], "Class names, for models that keep none.")
_TOP = flags.DEFINE_integer("top", 5, "Classes to name.", lower_bound=1)
_HOST = flags.DEFINE_string("host", "127.0.0.1", "Address of this machine that the page has.")
_PORT = flags.DEFINE_integer("port", 7860, "Port; 0 takes any that is free.", 0, 65535)
_OPEN_BROWSER = flags.DEFINE_bool("open_browser", False, "Open the page in the browser.")
_MAX_UPLOAD_MB = flags.DEFINE_integer(
    "max_upload_mb", 200, "A larger file is refused.", 1, 1_000_000
)
_MAX_CLIP_PIXELS = flags.DEFINE_integer(
    "max_clip_pixels",
    300_000_000_000,
    "A clip of more pixels in all its decoded frames together is an error.",
    1,
)
_MAX_CLIP_SECONDS = flags.DEFINE_float(
    "max_clip_seconds", 60.0, "A clip that takes longer to decode is an error."
)


def main(argv):
    check_flags(argv[1:])
    import flask  # noqa: F401 - a package that is missing is found before the models are opened.

    from gsf_tf.data import ClipLimits

    from .tried_model import open_models
    from .try_server import TryServer

    console = cli.console()
    limits = ClipLimits(_MAX_CLIP_PIXELS.value, _MAX_CLIP_SECONDS.value)
    # First, as it takes no time to find that the port is taken.
    with TryServer(_HOST.value, _PORT.value, _MAX_UPLOAD_MB.value) as server:
        console.print("Opening " + ", ".join(_MODEL.value))
        with open_models(_MODEL.value, _LABELS.value, _TOP.value, limits) as models:
            for model in models:
                console.print(f"{model.name}: {model.detail}")
            if warning := server.warning:
                console.print(warning)
            console.print(f"The page is at {server.address} Ctrl-C ends it.")
            server.serve(models, open_browser=_OPEN_BROWSER.value)
    console.print("Ended.")


def check_flags(arguments):
    if arguments:
        raise cli.FlagError(
            "The clips are given to the page, not to the command. "
            f"Received: {', '.join(arguments)}. gsf-tf predict takes files."
        )
    if not _MODEL.value or not all(_MODEL.value):
        raise cli.FlagError(
            "--model must name a model, or several with a comma between them. "
            f"Received: --model={','.join(_MODEL.value)}."
        )
    if len(_LABELS.value) not in (0, 1, len(_MODEL.value)):
        raise cli.FlagError(
            "--labels must be one file, or one for each model. "
            f"Received: {len(_LABELS.value)} files for {len(_MODEL.value)} models."
        )


if __name__ == "__main__":
    cli.run(main)
