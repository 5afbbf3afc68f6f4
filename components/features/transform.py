"""TFX's Transform, with the same result in every run."""

from absl import flags
from tfx import types
from tfx.components.transform import component, executor
from tfx.dsl.components.base import executor_spec


class Executor(executor.Executor):
    """Reads batches of a fixed size in bytes.

    TFX's readers choose the size of a batch by how long the last one took, and a mean in float32
    depends on where batches end: the same rows would give another model in every run.
    """

    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, types.ExecPropertyTypes],
    ) -> None:
        """Runs TFX's executor."""
        flags.FLAGS.set_default("tfxio_use_byte_size_batching", True)
        super().Do(input_dict, output_dict, exec_properties)


class Transform(component.Transform):
    """TFX's Transform, with the same result in every run.

    Its arguments are those of ``tfx.components.Transform``.

    Example::

        >>> from huberflow.components import Transform
        >>> Transform.__mro__[1].__module__
        'tfx.components.transform.component'
    """

    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)
