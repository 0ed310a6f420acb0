def published_result(config, protocol, metrics):
    """Returns the paper's result and its difference to ours, or None without a paper's result.

    Args:
        config: The run's configuration as a dictionary. `paper.top1` is in percent.
        protocol: `Protocol` of the evaluation.
        metrics: Dictionary with our `top1` in 0..1.

    Returns:
        A dictionary that can be written as JSON: `source`, `protocol`, `top1` in 0..1, and
        `difference`, ours minus the paper's, None if the paper used another protocol.
    """
    paper = config.get("paper") or {}
    if paper.get("top1") is None:
        return None
    top1 = paper["top1"] / 100
    same = protocol.matches(paper["protocol"])
    return {
        "source": paper["source"],
        "protocol": paper["protocol"],
        "top1": top1,
        "difference": metrics["top1"] - top1 if same else None,
    }
