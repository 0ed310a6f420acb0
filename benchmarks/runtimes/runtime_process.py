import concurrent.futures
import contextlib
import importlib
import multiprocessing
import time

# Threads of a pool that has just worked go on spinning for a few milliseconds.
SETTLE_SECONDS = 0.02
_runtime = None


class RuntimeProcess:
    """A process that holds the models of one runtime and times them on demand.

    Runtimes bring their own thread pools and libraries; in processes of their own, those of one
    are at rest while another is timed.

    Args:
        name: Module of `benchmarks.runtimes` with a class `Runtime`.
        settings: `RunSettings`.

    Raises:
        ImportError: If the runtime is not installed.
    """

    def __init__(self, name, settings):
        spawn = multiprocessing.get_context("spawn")
        self._pool = concurrent.futures.ProcessPoolExecutor(1, mp_context=spawn)
        try:
            self._pool.submit(_start, name, settings).result()
        except BaseException:
            self.close()
            raise

    def call(self, method, *arguments):
        """Returns what the method of the `Runtime` in the process returns."""
        return self._pool.submit(_call, method, arguments).result()

    def seconds(self, run):
        """Runs a prepared `ModelRun` once, in a process that has come to rest."""
        time.sleep(SETTLE_SECONDS)
        return self.call("seconds", run)

    def close(self):
        self._pool.shutdown()


@contextlib.contextmanager
def runtime_processes(names, settings, report_missing):
    """Gives a dictionary of the processes that could start; `report_missing(text)` for others."""
    processes = {}
    try:
        for name in names:
            try:
                processes[name] = RuntimeProcess(name, settings)
            except ImportError as error:
                report_missing(f"{name} is not measured: {error}")
        yield processes
    finally:
        for process in processes.values():
            process.close()


def _start(name, settings):
    global _runtime
    _runtime = importlib.import_module(f"benchmarks.runtimes.{name}_runtime").Runtime(settings)


def _call(method, arguments):
    return getattr(_runtime, method)(*arguments)
