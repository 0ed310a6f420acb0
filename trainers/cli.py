"""What all programs of `trainers/` share: how they start, report and fail."""

import atexit
import difflib
import errno
import logging
import os
import re
import select
import signal
import sys
import traceback

import absl.logging
from absl import app, flags

# The extra of gsf_tf that installs a package; the programs need some of them.
EXTRAS = {
    "apache_beam": ("apache-beam", "beam"),
    "flask": ("flask", "try"),
    "keras_cv": ("keras-cv", "augment"),
    "matplotlib": ("matplotlib", "train"),
    "ml_collections": ("ml_collections", "train"),
    "pyarrow": ("pyarrow", "parquet"),
    "sklearn": ("scikit-learn", "train"),
    "tensorboard": ("tensorboard", "train"),
    "tensorflow_io": ("tensorflow-io", "cloud"),
}
# The command that calls a function of the library, for the advice in its errors.
CALLERS = {"gsf_tf.data.write_records": "prepare", "export_saved_model": "export"}
# What the system answers where there is no room or no permission, or where something else is.
_SYSTEM_ERRORS = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO),
    *(errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ELOOP, errno.ENAMETOOLONG, errno.ESTALE),
}
_BROKEN_PIPE = 128 + signal.SIGPIPE  # As a shell has it of a program that the signal ended.
_HELP = ("--help", "-help", "--helpshort", "-helpshort", "-h", "-?")


class FlagError(Exception):
    """Flags that cannot be used together, or as they are.

    The counterpart of `gsf_tf.errors.UserError` for what a program finds before it imports gsf_tf.
    """


def run(main):
    """Runs a program: parses the flags, calls `main(argv)` and ends the process.

    `--help` prints the program's docstring and flags. A `UserError`, a `FlagError` and a missing
    package that an extra installs are printed on stderr as one paragraph, without a traceback, and
    give the exit status 1, and so does a file or a standard output that the system does not let it
    write; Ctrl-C gives 130. Where nobody reads the standard output any more, as after `| head`, it
    is 141, without a word. Any other exception is a bug and shows in full.

    Args:
        main: Takes the command line without flags, program first; what it returns is the
            exit status, `None` for 0.
    """

    # A name that the encoding of the terminal lacks, or that is no text, must not end a program.
    sys.stdout.reconfigure(errors="backslashreplace")

    def guarded(argv):
        if not flags.FLAGS["verbosity"].present:
            absl.logging.set_verbosity(absl.logging.WARNING)
            # Its warnings tell how graphs are built ("Using a while_loop for converting ...").
            logging.getLogger("tensorflow").setLevel(logging.ERROR)
        try:
            status = main(argv)
            sys.stdout.flush()
            return status
        except Exception as error:
            return _report(error)
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


def one_of(flag, other):
    """Returns the value of the one of two flags that is given.

    Raises:
        FlagError: If none is, or both are.
    """
    given = [f for f in (flag, other) if f.value is not None]
    if len(given) != 1:
        received = " and ".join(f"--{f.name}={f.value}" for f in given) or "neither"
        raise FlagError(
            f"One of --{flag.name} and --{other.name} must be given. Received: {received}."
        )
    return given[0].value


# ---- Help -------------------------------------------------------------------------------------


def print_help(text):
    """Prints a text that may be longer than what reads it: `gsf-tf train --help | head`."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    print(text)


def _program_help():
    """Returns the docstring of the program and its flags, without those of absl."""
    _, _, own = flags.FLAGS.main_module_help().strip("\n").partition("\n")
    return (
        f"{sys.modules['__main__'].__doc__}\nFlags:\n{own}\n\n"
        "Try --helpfull for the flags of all programs, such as --verbosity."
    )


# ---- Errors -----------------------------------------------------------------------------------


def _report(error):
    """Prints what the user can put right and returns the exit status; raises other errors."""
    if isinstance(error, BrokenPipeError) and _nobody_reads_output():
        _drop_output()
        return _BROKEN_PIPE
    errors = sys.modules.get("gsf_tf.errors")
    if isinstance(error, FlagError) or (errors and isinstance(error, errors.UserError)):
        text = f"{error}{_in_words_of_the_programs(str(error))}"
    elif isinstance(error, ModuleNotFoundError) and missing_extra(error):
        text = missing_extra(error)
    elif isinstance(error, OSError) and error.errno in _SYSTEM_ERRORS:
        where = "" if error.filename else " for a file or for standard output"
        text = (
            f"The system must let files be read and written. Received: {error}{where}. Make room, "
            "or put right what is in that place, and give the same command again."
        )
    else:
        raise error
    print(f"\nError: {text}", file=sys.stderr)
    try:
        sys.stdout.flush()
    except OSError:
        _drop_output()
    return 1


def _nobody_reads_output():
    """Returns whether standard output is a pipe whose reader has left."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _drop_output():
    """Drops what cannot be written, or the interpreter would try it again at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _in_words_of_the_programs(message):
    """Returns a line for each name in backticks that a user of the programs knows by another name.

    The library names arguments, `overwrite`; the user of a program sets flags, --overwrite. A value
    of the configuration is `config.epochs` there and --config.epochs here; functions are commands.
    """
    own = {flag.name for flag in flags.FLAGS.get_key_flags_for_module(sys.argv[0])}
    lines = []
    for name in dict.fromkeys(re.findall(r"`([\w.]+)`", message)):
        is_flag = name in own or (name.startswith("config.") and "config" in own)
        if is_flag and f"--{name}" not in message:
            lines.append(f"\n`{name}` is the flag --{name}.")
        if name in CALLERS:
            lines.append(f"\n`{name}` is called by the command gsf-tf {CALLERS[name]}.")
    return "".join(lines)


def missing_extra(error):
    """Returns which extra installs the package that an import has missed, "" if none does.

    Args:
        error: A `ModuleNotFoundError`.
    """
    package, extra = EXTRAS.get((error.name or "").partition(".")[0], (None, None))
    if package is None:
        return ""
    return (
        f"This command needs the package {package}, which is not installed. It is part of the "
        f"extra `{extra}`. Install it with: pip install 'gsf_tf[{extra}]'"
    )


def did_you_mean(received, choices):
    """Returns " Did you mean 'a'?" for the choices near `received`, "" if none is.

    `gsf_tf.errors` has the same function; importing it takes TensorFlow's seconds.
    """
    near = difflib.get_close_matches(received, choices, n=3)
    return f" Did you mean {' or '.join(map(repr, near))}?" if near else ""


# ---- Start and end ----------------------------------------------------------------------------


def _parse_flags(argv):
    """Parses the flags and loads --config, where a program has one."""
    before_end = argv[1 : argv.index("--")] if "--" in argv else argv[1:]
    if any(argument in _HELP for argument in before_end):
        print_help(_program_help())
        sys.exit(0)
    try:
        rest = flags.FLAGS(argv)
        if "config" in flags.FLAGS:
            flags.FLAGS.config.keys()  # A file that did not load raises at its first use.
        return rest
    except flags.Error as error:
        text = re.sub(r"flag (--\w+)=None: .*", r"\1 must be given. Received: none.", str(error))
        sys.exit(f"Error: {text}\nSee --help.")
    except AttributeError as error:
        if not any(arg.startswith("--config.") for arg in argv):
            raise
        text = " ".join(str(error).replace("\\n", " ").replace("\\'", "'").strip("'\"").split())
        sys.exit(
            "Error: --config.NAME=VALUE must name a value that the configuration has. "
            f"Received: a name that it does not have: {text} The file --config lists all names."
        )
    except OSError as error:
        detail = " ".join(str(error).split())
        sys.exit(f"Error: --config must be the path of a configuration. {detail}")
    except Exception as error:  # A row after the colon of --config that does not exist, say.
        sys.exit(_report(error))


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


# ---- Console ----------------------------------------------------------------------------------


def console(stderr=False):
    """Returns a console that prints names as they are, also `[red]` and `:smile:`."""
    import rich.console

    plain = {"markup": False, "emoji": False, "highlight": False, "soft_wrap": True}
    return rich.console.Console(stderr=stderr, **plain)


def progress(console, before_refresh=lambda progress: None):
    """Returns a progress bar with count, time left and a free text in the field `info`.

    `before_refresh` is called with it each time that it is drawn, ten times a second and at its
    end: for counts that change more often than they can be drawn.
    """
    import rich.progress

    class Progress(rich.progress.Progress):
        def get_renderables(self):
            before_refresh(self)
            return super().get_renderables()

    return Progress(
        rich.progress.TextColumn("{task.description}", markup=False),
        rich.progress.BarColumn(),
        rich.progress.MofNCompleteColumn(),
        rich.progress.TimeElapsedColumn(),
        rich.progress.TimeRemainingColumn(),
        rich.progress.TextColumn("{task.fields[info]}", markup=False),
        console=console,
    )
