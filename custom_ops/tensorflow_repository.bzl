"""The headers and the libraries of the TensorFlow that a Python interpreter imports."""

_QUERY = """
import tensorflow as tf
s = tf.sysconfig
print("found", s.get_include(), s.get_lib(), s.get_compile_flags()[1], s.get_link_flags()[1][3:])
"""

_BUILD = """
load("@rules_cc//cc:defs.bzl", "cc_import", "cc_library")

cc_library(
    name = "headers",
    hdrs = glob(["include/**"]),
    defines = ["{abi}", "EIGEN_MAX_ALIGN_BYTES=64"],
    includes = ["include"],
)

cc_import(
    name = "framework",
    shared_library = "{framework}",
)

# With the JPEG decoder.
cc_import(
    name = "cc",
    shared_library = "{cc}",
)

cc_library(
    name = "tensorflow",
    visibility = ["//visibility:public"],
    deps = [":headers", ":framework", ":cc"],
)
"""

def _tensorflow_repository_impl(repository_ctx):
    python = repository_ctx.os.environ.get("PYTHON_BIN_PATH", "python3")
    result = repository_ctx.execute(
        [python, "-c", _QUERY],
        environment = {"TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    lines = [line for line in result.stdout.splitlines() if line.startswith("found ")]
    if result.return_code != 0 or not lines:
        fail("PYTHON_BIN_PATH (%s) must be able to import tensorflow; it said:\n%s" %
             (python, result.stderr))
    _, include, lib, abi, framework = lines[0].split(" ")
    cc = framework.replace("_framework", "_cc")
    repository_ctx.symlink(include, "include")
    for library in (framework, cc):
        repository_ctx.symlink(lib + "/" + library, library)
    build = _BUILD.format(abi = abi[len("-D"):], framework = framework, cc = cc)
    repository_ctx.file("BUILD", build)

tensorflow_repository = repository_rule(
    implementation = _tensorflow_repository_impl,
    environ = ["PYTHON_BIN_PATH"],
    local = True,
)
