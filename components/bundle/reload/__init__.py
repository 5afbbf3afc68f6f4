"""Reloads an exported model with the custom objects it was trained with, and proves it.

This package travels: a bundle has it as ``assets.extra/reload_modules/``, and ``script.py`` beside
it as ``reload.py``. It needs the standard library, tensorflow and tf_keras, and imports itself by
relative names. Its modules, those that others import first::

    errors, form, layout     the error of a loader; what is where in a bundle, and its form
    integrity, origin        files against the certificate; who signed it
    keras_2, process         one generation of Keras; what concerns the whole process
    in_thread                TensorFlow's functions, replaced in one thread alone
    releases, graph_ops      other versions; ops that do more than compute
    registry, own_imports    Keras's registry, and the bundle's source, for this model only
    arrays, golden_record    .npz files; the golden rows and their values
    resuming, sums, seeding  what makes two processes compute the same bits
    own_layers               what Keras loses of layers of a user's own class
    model_state, measuring   the model's state, and its values
    asking, machines         signatures, and what computed their answers
    loading, comparing       ``load`` and ``predictor``; differences
    checking, command_line   ``check``, and ``python reload.py``
"""

from . import (
    arrays,
    asking,
    checking,
    command_line,
    comparing,
    errors,
    form,
    golden_record,
    graph_ops,
    in_thread,
    integrity,
    keras_2,
    layout,
    loading,
    machines,
    measuring,
    model_state,
    origin,
    own_imports,
    own_layers,
    process,
    registry,
    releases,
    resuming,
    seeding,
    sums,
)
from .checking import CheckReport, check
from .errors import ReloadError
from .golden_record import Golden
from .integrity import verify
from .layout import Certificate
from .loading import golden, load, predictor
from .origin import check_signature
from .sums import deterministic_sums

__all__ = [
    "Certificate",
    "CheckReport",
    "Golden",
    "ReloadError",
    "arrays",
    "asking",
    "check",
    "check_signature",
    "checking",
    "command_line",
    "comparing",
    "deterministic_sums",
    "errors",
    "form",
    "golden",
    "golden_record",
    "graph_ops",
    "in_thread",
    "integrity",
    "keras_2",
    "layout",
    "load",
    "loading",
    "machines",
    "measuring",
    "model_state",
    "origin",
    "own_imports",
    "own_layers",
    "predictor",
    "process",
    "registry",
    "releases",
    "resuming",
    "seeding",
    "sums",
    "verify",
]
