"""What all programs of `trainers/` share: how they start, report and fail."""

import atexit
import logging
import os
import sys
import traceback

import absl.logging
import rich.console
import rich.progress
from absl import app, flags

from gsf_tf.errors import UserError


def run(main):
    """Runs a program: parses the flags, calls `main(argv)` and ends the process.

    A `UserError` is printed on stderr as one paragraph, without a traceback, and gives the
    exit status 1; Ctrl-C gives 130. Any other exception is a bug and shows in full.

    Args:
        main: Takes the command line without flags, program first; what it returns is the
            exit status, `None` for 0.
    """

    def guarded(argv):
        logging.getLogger("tensorflow").setLevel(logging.WARNING)
        if not flags.FLAGS["verbosity"].present:
            absl.logging.set_verbosity(absl.logging.WARNING)
        try:
            return main(argv)
        except UserError as error:
            print(f"\nError: {error}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("Interrupted.", file=sys.stderr)
            return 130

    try:
        app.run(guarded, flags_parser=_parse_flags)
    except SystemExit as exit:
        _leave_object_store(exit.code)
        raise
    except BaseException:
        if _used_object_store():
            traceback.print_exc()
            _leave_object_store(1)
        raise


def _used_object_store():
    store = sys.modules.get("gsf_tf.data.records.object_store")
    return store is not None and store.in_use()


def _leave_object_store(code):
    """Ends the process with its own status if it used an object store.

    The client of tensorflow-io 0.37 aborts the interpreter when it is torn down ("pure virtual
    method called"), which would replace the status by 134.
    """
    if _used_object_store():
        if isinstance(code, str):
            print(code, file=sys.stderr)
        # Removes the semaphores of the processes' pool, among others; there is no public name.
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else int(code is not None))


def _parse_flags(argv):
    """Parses the flags and loads --config, where a program has one."""
    try:
        rest = app.parse_flags_with_usage(argv)
        if "config" in flags.FLAGS:
            flags.FLAGS.config.keys()  # A file that did not load raises at its first use.
        return rest
    except UserError as error:  # What the text after the colon of --config must be.
        sys.exit(f"Error: {error}")
    except AttributeError as error:
        if not any(arg.startswith("--config.") for arg in argv):
            raise
        text = " ".join(str(error).replace("\\n", " ").replace("\\'", "'").strip("'\"").split())
        sys.exit(
            "Error: --config.NAME=VALUE must name a value that the configuration has. "
            f"Received one that it has not: {text} The file --config lists all names."
        )
    except OSError as error:
        detail = " ".join(str(error).split())
        sys.exit(f"Error: --config must be the path of a configuration. {detail}")


def console():
    """Returns a console for messages that may hold file names and brackets as they are."""
    return rich.console.Console(markup=False, highlight=False, soft_wrap=True)


def progress(console):
    """Returns a progress bar with count, time left and a free text in the field `info`."""
    return rich.progress.Progress(
        rich.progress.TextColumn("{task.description}"),
        rich.progress.BarColumn(),
        rich.progress.MofNCompleteColumn(),
        rich.progress.TimeElapsedColumn(),
        rich.progress.TimeRemainingColumn(),
        rich.progress.TextColumn("{task.fields[info]}"),
        console=console,
    )
