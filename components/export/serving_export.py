"""Exports a model as a bundle, and fails unless a clean process reloads it with the same values."""

import importlib
import importlib.util
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfx import types
from tfx.components.evaluator import constants
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.io import fileio
from tfx.types import BaseChannel
from tfx.types.standard_artifacts import (
    Examples,
    Model,
    ModelBlessing,
    ModelRun,
    Schema,
    TransformGraph,
)
from tfx.utils import path_utils

from huberflow.components.bundle import bundle, clean_process, reload
from huberflow.components.bundle.unsafe_ops import refuse_unsafe_ops
from huberflow.components.contracts import artifact_files
from huberflow.components.contracts.lineage import RunLineage
from huberflow.components.contracts.signing import Signing
from huberflow.components.export import example_rows
from huberflow.components.export.local_copy import local_copy, local_output
from huberflow.custom_objects.input_error import InputError
from huberflow.custom_objects.json_record import JSON


def _export(
    model: InputArtifact[Model],
    exported_model: OutputArtifact[Model],
    model_run: InputArtifact[ModelRun] = None,
    blessing: InputArtifact[ModelBlessing] = None,
    examples: InputArtifact[Examples] = None,
    transform_graph: InputArtifact[TransformGraph] = None,
    schema: InputArtifact[Schema] = None,
    split: Parameter[str] = None,
    label: Parameter[str] = None,
    weight: Parameter[str] = None,
    objects: Parameter[str] = None,
    signing: Parameter[str] = None,
    public_key: Parameter[str] = None,
    allow_ops: Parameter[str] = None,
    custom_config: Parameter[str] = None,
    run_id: Parameter[str] = None,
    run_metadata: Parameter[str] = None,
    lineage: Parameter[str] = None,
) -> None:
    del custom_config, run_id, run_metadata
    for module in (objects or "").split():
        importlib.import_module(module)
    inputs = {
        "model": model,
        "model_run": model_run,
        "blessing": blessing,
        "examples": examples,
        "transform_graph": transform_graph,
        "schema": schema,
    }
    origin = {
        **(RunLineage.from_text(lineage).to_json() if lineage else {}),
        "artifacts": {key: [artifact.id] for key, artifact in inputs.items() if artifact},
        **({} if blessing is None else {"blessed": _is_blessed(blessing)}),
    }
    rows = _Rows(examples, transform_graph, split, label, weight)
    allowed = (allow_ops or "").split()
    with (
        local_copy(path_utils.serving_model_path(model.uri)) as saved_model,
        _captured(saved_model, model_run, rows, allowed) as captured,
        local_output(path_utils.serving_model_path(exported_model.uri)) as out,
    ):
        certificate = bundle.assemble(saved_model, captured, out, origin)
        report = clean_process.check_bundle(out, allow_ops=allowed)
        if signing:
            _sign(out, Signing.from_text(signing))
            exported_model.set_string_custom_property("signed_with", public_key)
        report["signature"] = reload.origin.signer(out)
    exported_model.set_string_custom_property("certificate", certificate["sha256"])
    exported_model.set_string_custom_property("weights", certificate["proof"]["weights"])
    exported_model.set_string_custom_property("checked", json.dumps(report, sort_keys=True))


def _sign(out: Path, keys: Signing) -> None:
    from huberflow.components.bundle import signing, signing_keys  # they need an extra

    signing.sign_with(out, keys, signing_keys.password_of(keys))


_Node: Any = component(_export)


class ServingExport(_Node):
    """Adds a model's custom objects to it, and the proof that it reloads with them.

    The proof is as strong as what the node can ask. Strongest: values from the process that trained
    the model, which ``huberflow.save_bundle``, ``huberflow.callbacks.SaveBundle`` or ``capture``
    left there. Else: values for rows of ``examples``, from the saved model as this node loads it.
    Else none; the bundle still carries source, hashes and the optimizer's state. The certificate
    says which. A model that was not blessed is exported too, to compare with others.

    Args:
      model: the Trainer's. Everything else may be left out.
      model_run: the same Trainer's; it may have what ``capture`` wrote.
      blessing: the Evaluator's, for the certificate.
      examples: ExampleGen's. Rows of it are the golden rows, where the Trainer left none.
      transform_graph: Transform's, where the model was trained on its outputs.
      schema: of the examples, for the certificate.
      split: the split to take rows of; by default ``eval``, else the last one.
      label: what the model was trained on: with a ``transform_graph`` an output of the transform,
        else a column of the examples. Without it, loss, metrics and training steps are not proven.
      weight: the same for the weight of a row.
      objects: modules to import first, such as ``["my_losses"]``: they define and register the
        model's custom objects. Not needed where the Trainer runs in the same process.
      signing: the key that signs the model, such as ``{"private_key": "signing.pem"}``; see
        ``components.contracts.signing.Signing``. The node reads the file where it runs; the path is
        recorded, the key is not.
      allow_ops: ops of the model that may do more than compute, such as ``["PyFunc"]``. Whoever
        loads the bundle has to allow them, too.
      custom_config: JSON for TFX's cache: the node runs again when it changes.
      run_id: the run's id, where the orchestrator fills it in.
      run_metadata: the run's metadata as JSON, likewise.

    Raises:
      InputError: an argument cannot be used; before anything runs, where that can be known. Or the
        model has other ops that do more than compute.
      ReloadError: a file changed while the bundle was written.
      CheckError: the reloaded model differs from the one that was trained.

    Example::

        export = ServingExport(
            model=trainer.outputs["model"],
            examples=example_gen.outputs["examples"],
            transform_graph=transform.outputs["transform_graph"],
            label="fare_xf",
        )
        pusher = Pusher(model=export.outputs["exported_model"], push_destination=…)
    """

    def __init__(
        self,
        model: BaseChannel,
        *,
        objects: Sequence[str] = (),
        examples: BaseChannel | None = None,
        label: str | None = None,
        weight: str | None = None,
        signing: Mapping[str, JSON] | None = None,
        allow_ops: Sequence[str] = (),
        **others: BaseChannel | str,
    ) -> None:
        _check_importable(objects)
        _check_rows(examples, label, weight)
        optional = {
            "examples": examples,
            "label": label,
            "weight": weight,
            "objects": " ".join(objects) or None,
            **(_signing_parameters(signing) if signing else {}),
            "allow_ops": " ".join(allow_ops) or None,
        }
        given = {key: value for key, value in {**others, **optional}.items() if value is not None}
        super().__init__(model=model, **given)


def _check_importable(objects: Sequence[str]) -> None:
    if isinstance(objects, str):
        expected = "a list of modules"
        raise InputError("objects", expected=expected, received=objects, write=f'["{objects}"]')
    for module in objects:
        if importlib.util.find_spec(module) is None:
            expected = "modules that Python can import"
            raise InputError("objects", expected=expected, received=module)


def _check_rows(examples: BaseChannel | None, label: str | None, weight: str | None) -> None:
    if label is not None and examples is None:
        raise InputError(
            "label",
            expected="examples that have it",
            received="no examples",
            write='examples=example_gen.outputs["examples"]',
        )
    if weight is not None and label is None:
        raise InputError(
            "weight", expected="a label beside it", received="none", write='label="fare_xf"'
        )


def _signing_parameters(signing: Mapping[str, JSON]) -> dict[str, str]:
    """The key's place and its public key, so that the node runs again when either changes."""
    from huberflow.components.bundle import signing_keys

    try:
        keys = Signing.of(signing)
        return {"signing": keys.to_text(), "public_key": signing_keys.check(keys)}
    except InputError as error:
        raise error.below("signing") from error


@dataclass(frozen=True)
class _Rows:
    """Where golden rows come from, if the process that trained the model left none."""

    examples: types.Artifact | None
    transform_graph: types.Artifact | None
    split: str | None
    label: str | None
    weight: str | None

    def capture(self, saved_model: Path, folder: Path) -> None:
        """Asks the saved model."""
        if self.examples is None:
            bundle.capture_saved(saved_model, folder)
            return
        graph = self.transform_graph
        with local_copy(graph.uri) if graph else nullcontext() as transform_graph:
            rows = example_rows.read_rows(self.examples, self.split, transform_graph)
        bundle.capture_saved(
            saved_model,
            folder,
            inputs=rows.without(self.label, self.weight),
            labels=rows.feature("label", self.label),
            sample_weight=rows.feature("weight", self.weight),
            requests=rows.requests(saved_model),
        )


@contextmanager
def _captured(
    saved_model: Path, model_run: types.Artifact | None, rows: _Rows, allow_ops: Sequence[str]
) -> Iterator[Path]:
    """The folder of golden values: the one that the Trainer left, or a new one."""
    refuse_unsafe_ops(saved_model, allow_ops)  # before it is loaded
    left = model_run and f"{model_run.uri}/{artifact_files.CAPTURED}"
    if left and fileio.exists(left):
        with local_copy(left) as folder:
            yield folder
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, artifact_files.CAPTURED)
        rows.capture(saved_model, folder)
        yield folder


def _is_blessed(blessing: types.Artifact) -> bool:
    return bool(blessing.get_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY))
