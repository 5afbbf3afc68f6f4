"""The node that reads rows and splits them."""

from tfx import types
from tfx.components.example_gen import utils
from tfx.components.example_gen.base_example_gen_executor import BaseExampleGenExecutor
from tfx.components.example_gen.component import FileBasedExampleGen
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.proto import example_gen_pb2
from tfx.types import standard_artifacts, standard_component_specs
from tfx.types.component_spec import ExecutionParameter

from huberflow.components.contracts.node_config import ExampleGenConfig
from huberflow.components.data import examples
from huberflow.custom_objects.input_error import InputError


class ExampleGenSpec(types.ComponentSpec):
    """TFX's specification, with a ``custom_config`` of JSON."""

    PARAMETERS = {  # noqa: RUF012 (TFX's attribute)
        **standard_component_specs.FileBasedExampleGenSpec.PARAMETERS,
        "custom_config": ExecutionParameter(type=str, optional=True),
    }
    INPUTS = standard_component_specs.FileBasedExampleGenSpec.INPUTS
    OUTPUTS = standard_component_specs.FileBasedExampleGenSpec.OUTPUTS


class ExampleGen(FileBasedExampleGen):
    """TFX's ExampleGen for CSV, Parquet and TFRecords, which reads by columns and mixes all rows.

    Args:
      input_base: folder of the files.
      file_format: ``"csv"``, ``"parquet"`` or ``"tfrecord"``; files whose names end in ``.gz`` are
        decompressed.
      input_config: TFX's: the files' pattern, or one for each split; by default all files.
      output_config: TFX's: the splits, where there is one pattern; by default two thirds of the
        rows are ``train``, the others ``eval``.
      executor: reads the files, in place of ``file_format``; see ``data.splits``.
      custom_config: of the executor.

    Raises:
      InputError: there is no such format.

    Example::

        >>> from huberflow.components import ExampleGen
        >>> sorted(ExampleGen("data", "parquet").outputs)
        ['examples']
    """

    SPEC_CLASS = ExampleGenSpec

    def __init__(
        self,
        input_base: str,
        file_format: str = "csv",
        *,
        input_config: example_gen_pb2.Input | None = None,
        output_config: example_gen_pb2.Output | None = None,
        executor: type[BaseExampleGenExecutor] | None = None,
        custom_config: ExampleGenConfig | None = None,
    ) -> None:
        if file_format not in examples.EXECUTORS:
            raise InputError(
                "file_format",
                expected=f"one of {', '.join(examples.EXECUTORS)}",
                received=repr(file_format),
            )
        files = input_config or utils.make_default_input_config()
        base_beam_component.BaseBeamComponent.__init__(
            self,
            spec=ExampleGenSpec(
                input_base=input_base,
                input_config=files,
                output_config=output_config or utils.make_default_output_config(files),
                output_data_format=example_gen_pb2.FORMAT_TF_EXAMPLE,
                output_file_format=example_gen_pb2.FORMAT_TFRECORDS_GZIP,
                custom_config=custom_config.to_text() if custom_config else None,
                examples=types.Channel(type=standard_artifacts.Examples),
            ),
            custom_executor_spec=executor_spec.BeamExecutorSpec(
                executor or examples.EXECUTORS[file_format]
            ),
        )
