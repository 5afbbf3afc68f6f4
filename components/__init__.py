"""What runs inside TFX: components for your own pipeline, each with a page in the docs."""

from huberflow.installation.lazy import lazy_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from huberflow.components.data.example_gen import ExampleGen
    from huberflow.components.export.pusher import Pusher
    from huberflow.components.export.serving_export import ServingExport
    from huberflow.components.features.transform import Transform

__all__ = ["ExampleGen", "Pusher", "ServingExport", "Transform"]

__getattr__ = lazy_names(
    __name__,
    {
        "ExampleGen": "huberflow.components.data.example_gen",
        "Pusher": "huberflow.components.export.pusher",
        "ServingExport": "huberflow.components.export.serving_export",
        "Transform": "huberflow.components.features.transform",
    },
)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
