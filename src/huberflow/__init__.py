"""TFX pipelines whose custom Keras losses and metrics survive every border.

Each public name is imported when it is used for the first time: ``import huberflow`` alone imports
neither TensorFlow nor TFX::

    import huberflow

    model.compile(loss=huberflow.HuberLoss(threshold=2.0))
"""

from huberflow.installation.lazy import lazy_names

TYPE_CHECKING = False  # type checkers take it for True; importing ``typing`` would take 5 ms
if TYPE_CHECKING:
    from huberflow import callbacks, components, keras, mlflow, objects, tfma
    from huberflow.components.bundle.reload import check, load, predictor
    from huberflow.components.bundle.save import save_bundle
    from huberflow.components.bundle.signing import check_signature, sign
    from huberflow.custom_objects.activations import softplus
    from huberflow.custom_objects.classification_metrics import AUC
    from huberflow.custom_objects.confusion_metrics import BalancedAccuracy, F1Score
    from huberflow.custom_objects.constraints import PositiveWeights
    from huberflow.custom_objects.initializers import GlorotNormalInitializer
    from huberflow.custom_objects.layers import ActivityRegularizationLayer, MetricLoggingLayer
    from huberflow.custom_objects.losses import CustomMSE, HuberLoss, create_huber, huber_fn
    from huberflow.custom_objects.metrics import AbsoluteErrorQuantile, HuberMetric, R2Score
    from huberflow.custom_objects.regularizers import L1Regularizer
    from huberflow.pipeline.execution.mlflow_dag_runner import MlflowDagRunner

__all__ = [
    "AUC",
    "AbsoluteErrorQuantile",
    "ActivityRegularizationLayer",
    "BalancedAccuracy",
    "CustomMSE",
    "F1Score",
    "GlorotNormalInitializer",
    "HuberLoss",
    "HuberMetric",
    "L1Regularizer",
    "MetricLoggingLayer",
    "MlflowDagRunner",
    "PositiveWeights",
    "R2Score",
    "callbacks",
    "check",
    "check_signature",
    "components",
    "create_huber",
    "huber_fn",
    "keras",
    "load",
    "mlflow",
    "objects",
    "predictor",
    "save_bundle",
    "sign",
    "softplus",
    "tfma",
]

# All are custom objects, but those that are named here with their module, or are a module.
_MODULES = dict.fromkeys(__all__, "huberflow.custom_objects") | {
    "MlflowDagRunner": "huberflow.pipeline.execution.mlflow_dag_runner",
    "callbacks": "huberflow.callbacks",
    "check": "huberflow.components.bundle.reload",
    "check_signature": "huberflow.components.bundle.signing",
    "components": "huberflow.components",
    "keras": "huberflow.keras",
    "load": "huberflow.components.bundle.reload",
    "mlflow": "huberflow.mlflow",
    "objects": "huberflow.objects",
    "predictor": "huberflow.components.bundle.reload",
    "save_bundle": "huberflow.components.bundle.save",
    "sign": "huberflow.components.bundle.signing",
    "tfma": "huberflow.tfma",
}

__getattr__ = lazy_names(__name__, _MODULES)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
