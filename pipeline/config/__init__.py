"""The one config of a run: frozen, strict, and checked before TensorFlow is imported.

A module for each section; the descriptions there are the comments of ``default.yaml`` and of
``huberflow config``. What a user writes is read by ``load``.
"""

from pipeline.config.beam import Beam
from pipeline.config.choices import Choice
from pipeline.config.data import Data, paths_of
from pipeline.config.reading import ConfigError, load
from pipeline.config.root import Config
from pipeline.config.splits import Files, Splits
from pipeline.config.tracking import Tracking
from pipeline.config.writing import to_yaml

__all__ = [
    "Beam",
    "Choice",
    "Config",
    "ConfigError",
    "Data",
    "Files",
    "Splits",
    "Tracking",
    "load",
    "paths_of",
    "to_yaml",
]
