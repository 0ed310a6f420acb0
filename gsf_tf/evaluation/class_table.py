import csv

import numpy as np


def save_class_table(path, metrics):
    """Writes a line per class: index, name, videos, accuracy, and its most frequent confusion.

    Args:
        path: A `.csv` file.
        metrics: Result of `classification_metrics`. The accuracy of a class without videos and the
            confusion of a class that is always right stay empty.
    """
    confusion = metrics["confusion"]
    names = list(metrics["per_class"])
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["index", "class", "videos", "right", "accuracy", "taken_for", "times"])
        for index, (name, accuracy) in enumerate(metrics["per_class"].items()):
            wrong = confusion[index].copy()
            wrong[index] = 0
            other = int(np.argmax(wrong))
            row = [index, name, confusion[index].sum(), confusion[index, index]]
            row.append("" if accuracy is None else f"{accuracy:.6f}")
            writer.writerow([*row, *((names[other], wrong[other]) if wrong[other] else ("", 0))])
