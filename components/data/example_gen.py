"""The node that reads rows and splits them."""

from tfx import types
from tfx.components.example_gen.base_example_gen_executor import BaseExampleGenExecutor
from tfx.components.example_gen.component import FileBasedExampleGen
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.proto import example_gen_pb2
from tfx.types import standard_artifacts, standard_component_specs
from tfx.types.component_spec import ExecutionParameter

from huberflow.components.contracts.node_config import ExampleGenConfig


class ExampleGenSpec(types.ComponentSpec):
    """TFX's specification, with a ``custom_config`` of JSON."""

    PARAMETERS = {  # noqa: RUF012 (TFX's attribute)
        **standard_component_specs.FileBasedExampleGenSpec.PARAMETERS,
        "custom_config": ExecutionParameter(type=str),
    }
    INPUTS = standard_component_specs.FileBasedExampleGenSpec.INPUTS
    OUTPUTS = standard_component_specs.FileBasedExampleGenSpec.OUTPUTS


class ExampleGen(FileBasedExampleGen):
    """TFX's ExampleGen with an executor of ``data.examples`` or ``data.splits``.

    Args:
      executor: reads files of one format.
      input_base: folder of the files.
      input_config: their pattern, or one for each split.
      output_config: the splits, where there is one pattern.
      custom_config: see ``contracts.node_config.ExampleGenConfig``.
    """

    SPEC_CLASS = ExampleGenSpec

    def __init__(
        self,
        executor: type[BaseExampleGenExecutor],
        *,
        input_base: str,
        input_config: example_gen_pb2.Input,
        output_config: example_gen_pb2.Output,
        custom_config: ExampleGenConfig,
    ) -> None:
        base_beam_component.BaseBeamComponent.__init__(
            self,
            spec=ExampleGenSpec(
                input_base=input_base,
                input_config=input_config,
                output_config=output_config,
                output_data_format=example_gen_pb2.FORMAT_TF_EXAMPLE,
                output_file_format=example_gen_pb2.FORMAT_TFRECORDS_GZIP,
                custom_config=custom_config.to_text(),
                examples=types.Channel(type=standard_artifacts.Examples),
            ),
            custom_executor_spec=executor_spec.BeamExecutorSpec(executor),
        )
