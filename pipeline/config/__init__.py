"""The one config of a run: frozen, strict, and checked before TensorFlow is imported.

A module for each section; the descriptions there are the comments of ``default.yaml`` and of
``huberflow config``. What users write is read by ``pipeline.config.reading``.
"""

from pipeline.config.beam import Beam
from pipeline.config.choices import Choice
from pipeline.config.data import Data, paths_of
from pipeline.config.root import Config
from pipeline.config.splits import Files, Splits
from pipeline.config.tracking import Tracking

__all__ = [
    "Beam",
    "Choice",
    "Config",
    "Data",
    "Files",
    "Splits",
    "Tracking",
    "paths_of",
]
