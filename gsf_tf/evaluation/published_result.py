"""Finds the papers' results that an evaluation is compared with."""


def published_result(config, protocol, metrics):
    """Returns the paper's result and its difference to ours, or None without a paper's result.

    Args:
        config: The run's configuration as a dictionary. The figures in `paper` are in percent.
        protocol: `Protocol` of the evaluation.
        metrics: Dictionary with our `top1` in 0..1.

    Returns:
        A dictionary that can be written as JSON: `source`, `protocol`, `top1` in 0..1 and perhaps
        that of tasks (`verb_top1`), perhaps `note`, which says what the paper did otherwise or left
        open, and `difference`, ours minus the paper's. It is the first
        result by the protocol of the evaluation; if there is none, it is that with the fewest
        views, and `difference` is None. If further tables have a result by the same protocol,
        `also` is the list of their dictionaries.
    """
    paper = config.get("paper") or {}
    if paper.get("top1") is None:
        return None
    results = paper.get("results") or [paper]
    same = [result for result in results if protocol.matches(result["protocol"])]
    first, *others = [_compared(result, metrics) for result in same] or [_printed(results[0])]
    return {**first, "also": others} if others else first


def _printed(result):
    figures = {key: value / 100 for key, value in result.items() if key.endswith("top1")}
    return {
        "source": result["source"],
        "protocol": result["protocol"],
        **figures,
        **({"note": result["note"]} if result.get("note") else {}),
        "difference": None,
    }


def _compared(result, metrics):
    return {**_printed(result), "difference": metrics["top1"] - result["top1"] / 100}
