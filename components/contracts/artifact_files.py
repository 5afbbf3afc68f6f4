"""The names of the files and folders that nodes write into their artifacts."""

CAPTURED = "captured"
"""Folder in the Trainer's ``model_run``: what ``bundle.capture`` wrote there."""

EPOCHS = "epochs.csv"
"""In the Trainer's ``model_run``: a row per epoch, ``epoch`` from 0, ``time`` in seconds since
1970, then loss and metrics."""

CONSTANT = "constant.json"
"""In the Trainer's ``model_run``: see ``contracts.constant_prediction``."""

IMPORTANCE = "importance.json"
"""In the Trainer's ``model_run``: see ``contracts.importance``; not of very many columns."""

THRESHOLD = "threshold.json"
"""In the Trainer's ``model_run``: see ``contracts.threshold``; where the config names an aim."""

PREDICTIONS = "predictions.jsonl"
"""In the Trainer's ``model_run``: see ``contracts.predictions``."""

SERVING_MODEL = "Format-Serving"
"""Folder in a ``model``: the SavedModel; TFX's name."""

SCHEMA = "schema.pbtxt"
"""In SchemaGen's ``schema``; TFX's name."""

STATISTICS = "FeatureStats.pb"
"""In each split of StatisticsGen's ``statistics``; TFX's name."""

FINDINGS = "findings.json"
"""In ExampleValidator's ``anomalies``: see ``contracts.validation_findings``."""

REPORT = "report.json"
"""In the Evaluator's ``evaluation``: see ``contracts.evaluation_report``."""


def split_folder(split: str) -> str:
    """The folder of a split in an artifact of examples, statistics or anomalies; TFX's name."""
    return f"Split-{split}"
