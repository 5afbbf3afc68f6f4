"""A custom metric in TFMA's own evaluation: TFX's Evaluator, ``tfma.run_model_analysis``."""

import importlib
from collections.abc import Mapping, Sequence

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.metrics import metric_types, metric_util, tf_metric_wrapper
from tensorflow_model_analysis.proto import config_pb2

from huberflow.components.evaluation.summed_metric import KerasMetric, SummedMetric


class CustomMetric(tfma.metrics.Metric):
    """A ``SummedMetric`` that brings the custom objects of the model to every worker.

    Args:
      name: its key.
      metric: the tf_keras metric.
      imports: modules with the custom objects of the model.
    """

    def __init__(self, name: str, metric: KerasMetric, imports: Sequence[str] = ()) -> None:
        _Imports(imports)
        super().__init__(
            metric_util.merge_per_key_computations(_computations),
            name=name,
            metric=metric,
            imports=imports,
        )


def _computations(
    name: str,
    metric: KerasMetric,
    imports: Sequence[str],
    eval_config: config_pb2.EvalConfig | None = None,
    model_name: str = "",
    output_name: str = "",
    sub_key: metric_types.SubKey | None = None,
    aggregation_type: metric_types.AggregationType | None = None,
    class_weights: Mapping[int, float] | None = None,
    example_weighted: bool = False,
) -> list[metric_types.MetricComputation]:
    computations: list[metric_types.MetricComputation] = tf_metric_wrapper.tf_metric_computations(
        {output_name: [SummedMetric(name, metric)]},
        eval_config=eval_config,
        model_name=model_name,
        sub_key=sub_key,
        aggregation_type=aggregation_type,
        class_weights=class_weights,
        example_weighted=example_weighted,
    )
    for computation in computations:
        computation.combiner.imports = _Imports(imports)
    return computations


class _Imports:
    """Imports modules, in every process that unpickles it.

    Beam unpickles all steps of a stage before it sets up the first of them, and so before TFMA
    loads the model; where a custom object is not registered then, the load fails.
    """

    def __init__(self, modules: Sequence[str]) -> None:
        self._modules = tuple(modules)
        for module in modules:
            importlib.import_module(module)

    def __reduce__(self) -> tuple[type["_Imports"], tuple[Sequence[str]]]:
        return _Imports, (self._modules,)
