"""Asks a model for its golden values: in the process that trained it, or as a saved model."""

import logging
import re
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

import tensorflow as tf
import tf_keras

from huberflow.components.bundle import (
    answers,
    bundle_source,
    golden,
    optimizer_state,
    own_class,
    reload,
)
from huberflow.components.bundle.answers import Requests
from huberflow.components.bundle.captured import (
    CERTIFIED,
    Captured,
    unfinished,
    write_fields,
)
from huberflow.components.bundle.fit_rows import Rows, first_rows
from huberflow.components.bundle.proof import DIFFER, EXPORTING, NONE, TRAINING
from huberflow.custom_objects import registry
from huberflow.custom_objects.input_error import InputError
from huberflow.custom_objects.json_record import JSON

_LOG = logging.getLogger(__name__)


@reload.seeding.seeds_where_needed()
def capture(
    model: tf_keras.Model,
    folder: Path,
    inputs: object,
    labels: object = None,
    sample_weight: object = None,
    *,
    signatures: object = None,
    requests: Requests | None = None,
    argument_names: Mapping[str, Mapping[str, str]] | None = None,
    training: JSON = None,
) -> None:
    """Writes what only the process that trained the model knows; the model stays as it is.

    Args:
      model: trained. One that is not compiled has predictions, and no loss, metrics and steps.
      folder: new; it appears when it is complete, for ``bundle.assemble``.
      inputs: what ``fit`` takes: arrays, a list or a dict of them, or a ``tf.data.Dataset`` of
        (inputs, labels, weights); the first ``fit_rows.ROWS`` rows are taken.
      labels: what the model was trained on, the same; None for none, or beside a dataset.
      sample_weight: the same.
      signatures: what ``model.save`` takes: functions with an input signature, by name, or None for
        Keras's own.
      requests: the arguments of signatures that do not take the model's inputs. A signature that
        has none is not asked.
      argument_names: for some signatures, the names that arguments of their functions have in the
        saved model and in ``requests``.
      training: how the model was trained, for the certificate.

    Raises:
      InputError: the rows are no dense arrays, or prove nothing; a request does not fit; or the
        source of a custom object cannot be copied.
    """
    start = time.perf_counter()
    optimizer_state.refuse_foreign(model)
    rows = _taken_at_once(model, first_rows(inputs, labels, sample_weight))
    if rows and model.save_spec() is None:  # it was never called
        model.predict_on_batch(rows.inputs)
    objects = bundle_source.used_objects(model)
    own_class.refuse_lost_steps(model, objects)
    own_class.refuse_other_compile(model)
    optimizer_state.refuse_lost(model, objects)
    unknown = optimizer_state.unknown_steps(model) or own_class.lost_setting(model)
    with golden.unchanged(model):
        asked = answers.of_model(model, signatures, argument_names or {})
        arguments = answers.arguments(asked, requests, answers.by_name(model, rows.inputs))
        keeps_graph = own_class.keeps_graph(model, objects)
        record = golden.record(
            model, rows, asked, arguments, steps=not unknown, keeps_graph=keeps_graph
        )
    Captured(
        record=record,
        origin=TRAINING,
        signatures=dict.fromkeys(record.answered(), TRAINING),
        lacking=_lacking(model, record, unknown),
        is_keras=True,
        objects=objects,
        optimizer=reload.resuming.optimizer_state(model),
        weights=optimizer_state.served_weights(model),
        training=training,
    ).write(folder)
    _LOG.info("captured %d rows in %.2f s", len(rows), time.perf_counter() - start)


def _taken_at_once(model: tf_keras.Model | None, rows: Rows) -> Rows:
    """The rows that make a small file, or as many as a model takes that takes a fixed number."""
    specs = tf.nest.flatten(getattr(model, "inputs", None) or [])
    count = specs[0].shape[0] if rows and specs and specs[0].shape.rank else None
    return rows.small() if count is None else rows.first(count)


@reload.seeding.seeds_where_needed()
def capture_saved(
    saved_model: Path,
    folder: Path,
    *,
    inputs: object = None,
    labels: object = None,
    sample_weight: object = None,
    requests: Requests | None = None,
) -> None:
    """Writes what a process can know of a model that another one trained.

    A SavedModel that already is a bundle keeps its golden values; only the answers of further
    signatures are added.

    Args:
      saved_model: the exported model; this process has imported its custom objects. Of one that is
        not Keras's, only the signatures are asked.
      folder: as in ``capture``.
      inputs: rows to ask the model with, as in ``capture``; None for none. A dict may have more
        columns than the model has inputs.
      labels: as in ``capture``.
      sample_weight: as in ``capture``.
      requests: as in ``capture``.

    Raises:
      InputError: the rows are no dense arrays, or lack an input; a request does not fit; or Keras
        does not find a custom object.
      ReloadError: it is a bundle, and a file of it has changed.
    """
    if (saved_model / reload.layout.CERTIFICATE).is_file():
        _capture_bundle(saved_model, folder, inputs, requests)
        return
    model, objects, lacking = _loaded(saved_model)
    if requests and (missing := _missing_columns(model, inputs)):
        lacking = f"the rows have no column {', '.join(missing)}"
        inputs = labels = sample_weight = None
    rows = _taken_at_once(model, first_rows(_taken(model, inputs), labels, sample_weight))
    asked = answers.of_saved_model(saved_model)
    arguments = answers.arguments(asked, requests, answers.by_name(model, rows.inputs))
    rows = rows if model is not None else Rows()
    continues = model is not None and _restore_optimizer(model, saved_model)
    unknown = _unknown_steps(model, saved_model, continues)
    record = golden.record(model, rows, asked, arguments, steps=not unknown)
    Captured(
        record=record,
        origin=EXPORTING if rows else NONE,
        signatures=dict.fromkeys(record.answered(), EXPORTING),
        lacking=lacking or _lacking(model, record, unknown),
        is_keras=model is not None,
        objects=objects,
        optimizer=reload.resuming.optimizer_state(model) if continues else None,
        weights=optimizer_state.served_weights(model, known=continues),
    ).write(folder)


def _loaded(
    saved_model: Path,
) -> tuple[tf_keras.Model | None, list[reload.layout.CustomObject], str]:
    """The Keras model and its custom objects; or None, and why it cannot be loaded."""
    if not (saved_model / "keras_metadata.pb").is_file():
        return None, [], "not saved by Keras 2"
    registry.registered()
    try:
        with tf_keras.utils.custom_object_scope(reload.keras_2.unlisted_optimizers()):
            model = tf_keras.models.load_model(saved_model)
        reload.own_layers.complete(model, saved_model)
        reload.loading.name_metrics(model)
        return model, bundle_source.used_objects(model), ""
    except (ValueError, TypeError, RuntimeError, KeyError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        if _UNKNOWN_OBJECT.match(str(error)):
            raise _unknown_object(error) from error
        _LOG.warning("%s is bundled without its Keras model", saved_model, exc_info=True)
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        return None, [], f"the exporting process could not load the Keras model: {reason}"


_UNKNOWN_OBJECT = re.compile(r"Unknown [\w ]+:|Unable to restore custom object")


def _unknown_object(error: Exception) -> InputError:
    return InputError(
        "objects",
        expected="custom objects that are defined at the top of a module which was imported",
        received=str(error).partition(". ")[0],
        hint="name the module that defines it (for the verb: --objects my_losses.py), and register "
        'it there: @tf_keras.utils.register_keras_serializable("mine")',
        write='ServingExport(..., objects=["my_losses"])',
    )


def _taken(model: tf_keras.Model | None, inputs: object) -> object:
    """The columns that are the model's inputs, of a dict with more."""
    if model is None or not isinstance(inputs, Mapping):
        return inputs
    names = _columns(model)
    if missing := _missing_columns(model, inputs):
        raise InputError(
            "inputs",
            expected=f"the model's inputs {', '.join(names)}",
            received=f"{', '.join(map(str, inputs))} (no {', '.join(missing)})",
        )
    return {name: inputs[name] for name in names}


def _missing_columns(model: tf_keras.Model | None, inputs: object) -> list[str]:
    if model is None or not isinstance(inputs, Mapping):
        return []
    return [name for name in _columns(model) if name not in inputs]


def _columns(model: tf_keras.Model) -> list[str]:
    """The names of the model's inputs; of a subclassed one that takes an array, a made-up one."""
    (spec,), _ = model.save_spec()
    if isinstance(spec, Mapping):
        return list(spec)
    return list(getattr(model, "input_names", None) or ["inputs"])


def _restore_optimizer(model: tf_keras.Model, saved_model: Path) -> bool:
    """Gives the optimizer the state that the SavedModel has and ``load_model`` leaves out.

    A legacy optimizer keeps its state in another way.
    """
    if not isinstance(getattr(model, "optimizer", None), tf_keras.optimizers.Optimizer):
        return False
    reload.resuming.optimizer_variables(model)  # makes them
    checkpoint = tf.train.Checkpoint(optimizer=model.optimizer)
    try:
        status = checkpoint.read(str(saved_model / "variables" / "variables")).expect_partial()
        status.assert_existing_objects_matched()
    except (
        AssertionError,
        ValueError,
    ):  # it has the state of other variables, as of a layer frozen
        return False
    return True


def _unknown_steps(model: tf_keras.Model | None, saved_model: Path, continues: bool) -> str:
    """Why the next training steps cannot be known; nothing where they can."""
    if model is not None and (lost := own_class.lost(model, saved_model)):
        return f"Keras does not find its class {lost}, which may have its own"
    return "" if continues else "no state of the optimizer"


def _lacking(model: tf_keras.Model, record: golden.Record, unknown: str = "") -> str:
    """Why the record has not all values of a model; nothing where it has."""
    if not record.rows:
        return "no rows"
    if not reload.resuming.is_compiled(model):
        reason = "not compiled"
    elif not reload.measuring.has_loss(model, record.rows.labels):
        reason = "no labels"
    else:
        reason = unknown
    return "; ".join(filter(None, ("" if record.repeats else DIFFER, reason)))


def _capture_bundle(bundle: Path, folder: Path, inputs: object, requests: Requests | None) -> None:
    """Adds answers of signatures that the bundle has none of, on the machine of the others."""
    certificate = reload.verify(bundle)
    proof = certificate["proof"]
    if inputs is not None and proof["model"] == NONE and certificate["keras_generation"]:
        raise InputError(
            "inputs",
            expected="none beside a bundle, whose values stay as they are",
            received="rows",
            hint="bundle the SavedModel that the bundle was made of",
        )
    asked = answers.of_saved_model(bundle)
    given = answers.arguments(asked, requests, {})
    new = {name: each for name, each in given.items() if proof["signatures"][name] == NONE}
    record = golden.record(None, Rows(), asked, new)
    others = reload.machines.machine_differences(certificate["machine"], record.machine)
    if new and others:
        _LOG.warning(
            "no answers are added to %s: %s", bundle, reload.comparing.on_another_machine(others)
        )
        record, new = golden.record(None, Rows(), asked, {}), {}
    with unfinished(folder) as copy:
        shutil.copytree(bundle / reload.layout.EXTRA, copy, dirs_exist_ok=True)
        (copy / Path(reload.layout.CERTIFICATE).name).unlink()
        values = copy / Path(reload.layout.GOLDEN_VALUES).name
        golden.write_arrays({**reload.arrays.read_arrays(values), **record.arrays()}, values)
        write_fields(
            copy,
            {
                "certified": {
                    **{name: each for name, each in certificate.items() if name in CERTIFIED},
                    "tolerances": _merged(certificate["tolerances"], record.tolerances),
                },
                "rows": certificate["golden"]["rows"],
                "model": proof["model"],
                "weights": proof["weights"],
                "signatures": {
                    **{n: each for n, each in proof["signatures"].items() if each != NONE},
                    **dict.fromkeys(record.answered(), EXPORTING),
                },
                "lacking": proof["lacking"],
            },
        )


def _merged(
    first: reload.layout.Tolerances, second: reload.layout.Tolerances
) -> reload.layout.Tolerances:
    merged: reload.layout.Tolerances = {
        **first,
        "float32": first["float32"] | second["float32"],
        "tf32": first["tf32"] | second["tf32"],
        "mixed_float16": first["mixed_float16"] | second["mixed_float16"],
        "mixed_bfloat16": first["mixed_bfloat16"] | second["mixed_bfloat16"],
    }
    return merged
