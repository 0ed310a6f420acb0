"""Gives MODULE.bazel the repository that WORKSPACE declares; older Bazels cannot read this."""

load(":custom_ops/tensorflow_repository.bzl", "tensorflow_repository")

def _tensorflow_extension_impl(_module_ctx):
    tensorflow_repository(name = "pip_tensorflow")

tensorflow_extension = module_extension(implementation = _tensorflow_extension_impl)
