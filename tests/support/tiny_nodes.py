"""Nodes that TFX runs in milliseconds. TFX imports them by the name of this module.

No ``from __future__ import annotations``: TFX reads the annotations themselves.
"""

import logging
import signal
from pathlib import Path

import apache_beam as beam
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.types import Channel, ComponentSpec
from tfx.types.component_spec import ChannelParameter
from tfx.types.standard_artifacts import (
    Examples,
    Model,
    ModelBlessing,
    ModelEvaluation,
    PushedModel,
)

from huberflow.components.contracts.epoch_progress import EpochProgress
from huberflow.components.contracts.evaluation_report import EvaluationReport, SliceMetrics
from huberflow.components.contracts.lineage import LINEAGE


@component
def Numbers(numbers: OutputArtifact[Examples], count: Parameter[int]):  # noqa: N802
    """Writes 0 .. count-1."""
    Path(numbers.uri).mkdir(parents=True, exist_ok=True)
    (Path(numbers.uri) / "numbers.txt").write_text(" ".join(map(str, range(count))))


@component
def Total(  # noqa: N802
    numbers: InputArtifact[Examples], total: OutputArtifact[Model], trouble: Parameter[str]
):
    """Writes the sum, unless the file ``trouble`` names a way to go wrong; half is then done."""
    Path(total.uri).mkdir(parents=True, exist_ok=True)
    (Path(total.uri) / "half.txt").touch()
    way = Path(trouble).read_text() if Path(trouble).exists() else ""
    if way == "interrupt":
        raise KeyboardInterrupt
    if way.startswith("SIG"):
        signal.raise_signal(signal.Signals[way])
    if way == "train":
        training = logging.getLogger("huberflow.training")
        training.warning("a word on something else")
        for epoch in (1, 2):
            training.warning("an epoch", extra={"progress": EpochProgress(epoch, 2, 0.0, {})})
    if way == "fail":
        raise ValueError("no rows in the data\nat line 3")
    if way == "fail in beam":
        with beam.Pipeline("FnApiRunner") as pipeline:
            _ = pipeline | beam.Create([0]) | "Divide" >> beam.Map(lambda zero: 1 // zero)
    text = (Path(numbers.uri) / "numbers.txt").read_text()
    (Path(total.uri) / "total.txt").write_text(str(sum(map(int, text.split()))))


@component
def Report(total: InputArtifact[Model], report: OutputArtifact[Model]):  # noqa: N802
    """Copies the sum."""
    Path(report.uri).mkdir(parents=True, exist_ok=True)
    text = (Path(total.uri) / "total.txt").read_text()
    (Path(report.uri) / "report.txt").write_text(text)


@component
def Evaluated(  # noqa: N802
    evaluation: OutputArtifact[ModelEvaluation],
    blessing: OutputArtifact[ModelBlessing],
    blessed: Parameter[int],
):
    """Judges a model that has one metric."""
    reasons = () if blessed else ("auc of all rows is 0.5",)
    slices = (SliceMetrics({}, {"auc": 0.5}),)
    Path(evaluation.uri).mkdir(parents=True, exist_ok=True)
    found = EvaluationReport(("auc",), bool(blessed), reasons, slices)
    found.write(Path(evaluation.uri) / "report.json")
    blessing.set_int_custom_property("blessed", blessed)


@component
def Pushed(  # noqa: N802
    blessing: InputArtifact[ModelBlessing], pushed_model: OutputArtifact[PushedModel]
):
    """Says where it pushed a blessed model."""
    blessed = blessing.get_int_custom_property("blessed")
    pushed_model.set_int_custom_property("pushed", blessed)
    if blessed:
        pushed_model.set_string_custom_property("pushed_destination", "/srv/fares/7")
        pushed_model.set_string_custom_property("pushed_version", "7")


class LineageExecutor(base_executor.BaseExecutor):
    def Do(self, input_dict, output_dict, exec_properties):  # noqa: N802
        (model,) = output_dict["model"]
        (Path(model.uri) / "lineage.json").write_text(exec_properties[LINEAGE])


class LineageSpec(ComponentSpec):
    PARAMETERS: dict = {}  # noqa: RUF012
    INPUTS: dict = {}  # noqa: RUF012
    OUTPUTS = {"model": ChannelParameter(type=Model)}  # noqa: RUF012


class Lineage(base_component.BaseComponent):
    """Writes the lineage that the runner passes."""

    SPEC_CLASS = LineageSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(LineageExecutor)

    def __init__(self):
        super().__init__(spec=LineageSpec(model=Channel(type=Model)))
