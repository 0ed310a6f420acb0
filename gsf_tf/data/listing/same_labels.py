from gsf_tf.data.listing.label_map import LabelMap
from gsf_tf.errors import UserError


def check_same_labels(
    ours: LabelMap, holder: object, theirs: LabelMap, source: str, advice: str
) -> None:
    """Checks that labels are those of a model's training.

    Args:
        ours: Labels of the model.
        holder: What has these labels, for the message, such as the path of the model.
        theirs: Labels to compare.
        source: Origin of the other labels, for the message.
        advice: What to do if they differ, a sentence.

    Raises:
        UserError: If they differ. The message lists the differences.
    """
    if ours.fingerprint == theirs.fingerprint:
        return
    only_here = [name for name in ours.names if name not in theirs.names][:5]
    only_there = [name for name in theirs.names if name not in ours.names][:5]
    raise UserError(
        "A model is used with the label map it was trained on. "
        f"{holder} has {len(ours)} labels (fingerprint {ours.fingerprint[:12]}), "
        f"{source} {len(theirs)} (fingerprint {theirs.fingerprint[:12]}); "
        f"only in the model: {only_here or 'none, so the order differs'}; only there: "
        f"{only_there or 'none'}. {advice}"
    )
