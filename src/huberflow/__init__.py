"""TFX pipelines whose custom Keras losses and metrics survive every border.

The custom objects are public under their own names. TensorFlow is imported when one of them is used
for the first time, not by ``import huberflow``::

    from huberflow import HuberLoss

    model.compile(loss=HuberLoss(threshold=2.0))
"""

TYPE_CHECKING = False  # type checkers take it for True; importing ``typing`` would take 5 ms
if TYPE_CHECKING:
    from huberflow.custom_objects.activations import softplus
    from huberflow.custom_objects.constraints import PositiveWeights
    from huberflow.custom_objects.initializers import GlorotNormalInitializer
    from huberflow.custom_objects.layers import ActivityRegularizationLayer, MetricLoggingLayer
    from huberflow.custom_objects.losses import CustomMSE, HuberLoss, create_huber, huber_fn
    from huberflow.custom_objects.metrics import AbsoluteErrorQuantile, HuberMetric
    from huberflow.custom_objects.regularizers import L1Regularizer

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


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from huberflow import custom_objects

    return getattr(custom_objects, name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
