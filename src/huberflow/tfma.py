"""Entries for TFMA's EvalConfig, which TFX's own Evaluator reads."""

from huberflow.installation.extras import missing_extra_named

with missing_extra_named("huberflow.tfma", "tfx"):
    from huberflow.components.evaluation.metric_entry import metric

__all__ = ["metric"]
