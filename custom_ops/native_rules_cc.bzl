"""`@rules_cc` for Bazels that have the C++ rules built in and no network to fetch others from."""

_RULES = [
    "cc_binary",
    "cc_import",
    "cc_library",
    "cc_proto_library",
    "cc_test",
    "cc_toolchain",
    "cc_toolchain_suite",
]

def _native_rules_cc_impl(repository_ctx):
    repository_ctx.file("BUILD")
    repository_ctx.file("cc/BUILD")
    repository_ctx.file(
        "cc/defs.bzl",
        "".join(["%s = native.%s\n" % (rule, rule) for rule in _RULES]),
    )

native_rules_cc = repository_rule(implementation = _native_rules_cc_impl)
