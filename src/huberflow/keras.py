"""The custom objects for Keras 3, on TensorFlow, JAX or PyTorch.

``huberflow`` has those of tf_keras (Keras 2), by the same names and with the same formulas::

    from huberflow.keras import HuberLoss

    model.compile(loss=HuberLoss(threshold=2.0))

An object meets a model of its own generation alone; the other one refuses it.
"""

from huberflow.installation.lazy import lazy_names

TYPE_CHECKING = False  # as in ``huberflow``
if TYPE_CHECKING:
    from huberflow.custom_objects.keras_3.layers import (
        ActivityRegularizationLayer,
        MetricLoggingLayer,
    )
    from huberflow.custom_objects.keras_3.losses import (
        CustomMSE,
        HuberLoss,
        create_huber,
        huber_fn,
    )
    from huberflow.custom_objects.keras_3.metrics import AbsoluteErrorQuantile, HuberMetric
    from huberflow.custom_objects.keras_3.weights import (
        GlorotNormalInitializer,
        L1Regularizer,
        PositiveWeights,
        softplus,
    )

__all__ = [
    "AbsoluteErrorQuantile",
    "ActivityRegularizationLayer",
    "CustomMSE",
    "GlorotNormalInitializer",
    "HuberLoss",
    "HuberMetric",
    "L1Regularizer",
    "MetricLoggingLayer",
    "PositiveWeights",
    "create_huber",
    "huber_fn",
    "softplus",
]

_HOME = "huberflow.custom_objects.keras_3"
_MODULES = dict.fromkeys(__all__, f"{_HOME}.losses") | {
    "AbsoluteErrorQuantile": f"{_HOME}.metrics",
    "ActivityRegularizationLayer": f"{_HOME}.layers",
    "GlorotNormalInitializer": f"{_HOME}.weights",
    "HuberMetric": f"{_HOME}.metrics",
    "L1Regularizer": f"{_HOME}.weights",
    "MetricLoggingLayer": f"{_HOME}.layers",
    "PositiveWeights": f"{_HOME}.weights",
    "softplus": f"{_HOME}.weights",
}

__getattr__ = lazy_names(__name__, _MODULES)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
