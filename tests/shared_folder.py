import fcntl
import os


def shared_folder(tmp_path_factory, name, make):
    """Returns a folder that the first of pytest-xdist's processes to ask for it makes.

    The others wait until it is there. None of them may write to it.

    Args:
        tmp_path_factory: pytest's fixture.
        name: Name of the folder, one for each thing that is made.
        make: Function of the path of a folder that does not exist; makes it.
    """
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    folder = base / "shared" / name
    folder.parent.mkdir(exist_ok=True)
    with open(f"{folder}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            unfinished = tmp_path_factory.mktemp(name) / name
            make(unfinished)
            unfinished.rename(folder)
    return folder
