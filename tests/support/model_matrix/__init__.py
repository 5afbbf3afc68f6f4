"""Small models of every kind that a bundle has to carry, or refuses."""

from . import heads, layers, models, preprocessing, refused, sequences
from .kinds import KINDS, REFUSED, Case

__all__ = [
    "KINDS",
    "REFUSED",
    "Case",
    "heads",
    "layers",
    "models",
    "preprocessing",
    "refused",
    "sequences",
]
