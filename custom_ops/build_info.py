"""Writes the JSON file that stands beside the compiled library and says what it was built from.

CMake gives every argument. For a library that another build system made, `--library` is enough, run
by the Python interpreter whose TensorFlow it was built for.
"""

import argparse
import hashlib
import importlib.metadata
import json
from pathlib import Path

SOURCE_ROOT = Path(__file__).resolve().parent
SOURCE_PATTERNS = ("CMakeLists.txt", "sources.bzl", "**/*.h", "**/*.cc", "**/*.cu")


def source_hash(root=SOURCE_ROOT):
    """The SHA-256 of all sources under `root`, by relative path and content, in sorted order."""
    digest = hashlib.sha256()
    for path in sorted({path for pattern in SOURCE_PATTERNS for path in root.glob(pattern)}):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(root).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--library", type=Path, required=True)
    parser.add_argument("--tensorflow", help="version built against; default the installed one")
    parser.add_argument("--compiler", default="", help="id and version, if known")
    parser.add_argument("--cxx11-abi", type=int, help="0 or 1, if known")
    parser.add_argument("--cuda", default="", help="version; empty for a build without CUDA")
    parser.add_argument("--cuda-architectures", default="", help="separated by commas")
    parser.add_argument("--gsf-tf", default="", help="version of gsf_tf, if known")
    args = parser.parse_args()
    info = {
        "gsf_tf": args.gsf_tf or None,
        "tensorflow": args.tensorflow or importlib.metadata.version("tensorflow"),
        "compiler": args.compiler or None,
        "cxx11_abi": args.cxx11_abi,
        "cuda": args.cuda or None,
        "cuda_architectures": args.cuda_architectures.split(",") if args.cuda else None,
        "source_sha256": source_hash(),
        "library_sha256": hashlib.sha256(args.library.read_bytes()).hexdigest(),
    }
    output = args.library.with_name("_build_info.json")
    output.write_text(json.dumps(info, indent=2) + "\n")


if __name__ == "__main__":
    main()
