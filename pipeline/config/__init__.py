"""The config of a run: frozen, strict, and validated before TensorFlow is imported.

A module for each section; the descriptions there are the comments of ``default.yaml`` and of
``huberflow config``. What users write is read by ``huberflow.pipeline.config.reading``.
"""

from huberflow.pipeline.config.beam import Beam
from huberflow.pipeline.config.choices import Choice
from huberflow.pipeline.config.data import Data, paths_of
from huberflow.pipeline.config.root import Config
from huberflow.pipeline.config.splits import Files, Splits
from huberflow.pipeline.config.tracking import Tracking

__all__ = ["Beam", "Choice", "Config", "Data", "Files", "Splits", "Tracking", "paths_of"]
