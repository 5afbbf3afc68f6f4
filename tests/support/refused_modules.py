"""User's modules that are refused as a whole, or for a name: source, and what is said."""

from tiny_objects import loss

NOTHING = (
    "expected a class derived from tf_keras's Loss, Metric, Layer, Regularizer, Initializer or "
    "Constraint, or a function of (y_true, y_pred) or of (x), with a public name at the top; "
    "received none among"
)

MODULES = {
    "takes_over": (
        loss(name="Sneaky").replace(
            "\nclass",
            ('\n@tf_keras.utils.register_keras_serializable("custom_objects", "HuberLoss")\nclass'),
        ),
        (
            ": expected a name of its own in Keras's registry, received "
            "custom_objects>HuberLoss, which is ours; write: "
            '@tf_keras.utils.register_keras_serializable("takes_over")'
        ),
    ),
    "taken_by_register": (
        loss(name="HuberLoss").replace(
            "\nclass",
            ("\nfrom huberflow.custom_objects.registry import register\n\n@register\nclass"),
        ),
        (
            ", line 7: expected a module that can be imported in a fresh process, received "
            "ValueError: custom_objects>HuberLoss: expected the code that is registered "
            "already, from huberflow.custom_objects.losses, received different code from "
            "taken_by_register; give the new object a name of its own"
        ),
    ),
    "of_keras_3": (
        loss().replace("import tf_keras", "import keras").replace("tf_keras.", "keras."),
        (
            ": MyLoss: expected a class of tf_keras (Keras 2), received one of Keras 3; "
            "write: import tf_keras as keras"
        ),
    ),
    "not_installed": (
        "import tensorflow as tf\nimport scipyx\n",
        (
            ", line 2: expected imports that are installed, received 'scipyx'; write: pip "
            "install scipyx"
        ),
    ),
    "importing": (
        "import helpers_beside\n",
        (
            ", line 1: expected an import that travels with the model, received "
            "'helpers_beside', which lies beside importing and stays behind; make both one "
            "package, a folder with an __init__.py, and write: from . import helpers_beside"
        ),
    ),
    "raises": (
        "import math\n\nLIMIT = math.sqrt(-1)\n",
        (
            ", line 3: expected a module that can be imported in a fresh process, received "
            "ValueError: math domain error"
        ),
    ),
    "exits": (
        "import sys\n\nsys.exit('use me as a script')\n",
        (
            ", line 3: expected a module that can be imported in a fresh process, received "
            "SystemExit: use me as a script"
        ),
    ),
    "missing_name": (
        "from math import squareroot\n",
        (
            ", line 1: expected a module that can be imported in a fresh process, received "
            "ImportError: cannot import name 'squareroot' from 'math'"
        ),
    ),
    "nothing": ("LIMIT = 3\n\ndef helper(a, b):\n    return a\n", f": {NOTHING} what it defines"),
    "only_imported": (
        "from tf_keras.losses import Loss, MeanSquaredError\n",
        f": {NOTHING} what it defines",
    ),
    "nested": (
        (
            "import tf_keras\n"
            "\n"
            "def make():\n"
            "    class Inner(tf_keras.losses.Loss):\n"
            "        pass\n"
            "    return Inner\n"
        ),
        f": {NOTHING} what it defines",
    ),
    "hidden": (
        (
            "__all__ = ['helper']\n"
            "\n"
            "def helper():\n"
            "    pass\n"
            "\n"
            "def mine(y_true, y_pred):\n"
            "    return y_pred\n"
        ),
        f": {NOTHING} what __all__ names",
    ),
    "wrong_all": (
        "__all__ = ['MyLos']\n",
        ": __all__: expected names that the module has, received 'MyLos'",
    ),
    "ours": (
        loss(name="HuberLoss"),
        (
            ": HuberLoss: expected a name of its own, received one that "
            "huberflow.custom_objects.losses has; write another, such as MyHuberLoss"
        ),
    ),
    "keras_has_it": (
        loss(name="LogCosh"),
        (
            ": LogCosh: expected a name of its own, received one that tf_keras.losses has; "
            "write another, such as MyLogCosh"
        ),
    ),
    "other": (
        loss(name="Twin"),
        (
            ": Twin: expected a name of its own, received one that one.py has; write another, "
            "such as MyTwin"
        ),
    ),
}
