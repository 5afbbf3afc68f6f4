"""Names of tags that several modules use, free of imports: MLflow's adapter needs no TFX."""

NOTE = "mlflow.note.content"
"""MLflow shows this tag, as markdown, above a run."""

OF_FAILURES = frozenset({NOTE, "huberflow.failed_node", "huberflow.cause"})
"""Tags that a failed run or node has, and a successful one may not."""
