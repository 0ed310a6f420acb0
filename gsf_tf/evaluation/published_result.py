def published_result(config, protocol, metrics):
    """Returns the paper's result beside ours, or None if the configuration names none.

    Args:
        config: The run's configuration as a dictionary; `paper.top1` is in percent.
        protocol: `Protocol` of the evaluation.
        metrics: `top1` in 0..1.

    Returns:
        Dictionary, ready for JSON: `source`, `protocol`, `top1` in 0..1 and `difference`, ours
        minus the paper's, None where the paper's was measured by another protocol.
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
