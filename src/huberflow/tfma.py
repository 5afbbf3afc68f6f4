"""Entries for TFMA's EvalConfig, which TFX's own Evaluator reads."""

from huberflow.components.evaluation.metric_entry import metric

__all__ = ["metric"]
