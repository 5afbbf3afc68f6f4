"""User's objects whose config does not give them back: source, and what is said."""

from tiny_objects import loss

CONFIGS = {
    "no_get_config": (
        loss(config="return super().get_config()"),
        (
            ": MyLoss.get_config: expected every argument of __init__, received none of "
            'scale; write: def get_config(self): return {**super().get_config(), "scale": '
            "self.scale}"
        ),
    ),
    "inherited_config": (
        loss().rpartition("    def get_config")[0],
        (
            ": MyLoss.get_config: expected every argument of __init__, received a class "
            "without one of its own; write: def get_config(self): return "
            '{**super().get_config(), "scale": self.scale}'
        ),
    ),
    "config_changes": (
        loss(config='return {**super().get_config(), "scale": 0.5}'),
        (
            ": MyLoss.get_config: expected scale=1.0, as __init__ was told, received 0.5; "
            'write: "scale": self.scale'
        ),
    ),
    "config_other_type": (
        loss(config="return [self.scale]"),
        (
            ": MyLoss.get_config: expected a dict of the arguments, received list; write: def "
            'get_config(self): return {**super().get_config(), "scale": self.scale}'
        ),
    ),
    "config_flips": (
        loss(
            arguments="half=False",
            init="self.half = half",
            call="return tf.reduce_mean(tf.abs(y_true - y_pred), axis=-1)",
            config='return {**super().get_config(), "half": False}',
        ),
        (
            ": MyLoss.get_config: expected half=True, as __init__ was told, received False; "
            'write: "half": self.half'
        ),
    ),
    "config_no_json": (
        loss(
            arguments="scale=0.5, unit=None",
            init="self.scale = scale; self.unit = object()",
            config='return {**super().get_config(), "scale": self.scale, "unit": self.unit}',
        ),
        (
            ": MyLoss.get_config: unit: expected a number, text, list or dict, which JSON can "
            "hold, received object"
        ),
    ),
    "config_raises": (
        loss(config="return {'scale': self.factor}"),
        (
            ": MyLoss.get_config: expected a dict of the arguments, received AttributeError: "
            "'MyLoss' object has no attribute 'factor' (config_raises.py, line 14)"
        ),
    ),
    "no_name": (
        loss(arguments="scale=0.5").replace(", **kwargs", "").replace("**kwargs", ""),
        (
            ": MyLoss.from_config: expected an object from what get_config returned, received "
            "TypeError: MyLoss.__init__() got an unexpected keyword argument 'reduction'; "
            "write: def __init__(self, scale=0.5, **kwargs): super().__init__(**kwargs)"
        ),
    ),
    "required": (
        loss(arguments="scale"),
        (
            ": MyLoss: scale: expected a default, with which the object is tried, received "
            "none; write: def __init__(self, scale=0.5, ...)"
        ),
    ),
    "default_refused": (
        loss(init="raise ValueError(f'scale: expected a number above 1, received {scale}')"),
        (
            ": MyLoss: expected to be built without arguments, received ValueError: scale: "
            "expected a number above 1, received 0.5 (default_refused.py, line 8); write "
            "defaults that the class accepts"
        ),
    ),
    "from_config_other": (
        loss(
            more=("\n    @classmethod\n    def from_config(cls, config):\n        return cls()\n")
        ),
        (
            ": MyLoss.from_config: expected the same object, with scale=1.0, received one "
            "with scale=0.5; write: return cls(**config)"
        ),
    ),
    "from_config_behaves": (
        loss(
            more=(
                "\n"
                "    @classmethod\n"
                "    def from_config(cls, config):\n"
                "        made = cls(**config)\n"
                "        made.call = lambda y_true, y_pred: 2.0 * cls.call(made, y_true, y_pred)\n"
                "        return made\n"
            )
        ),
        (
            ": MyLoss.from_config: expected an object that gives the same values, received "
            "one that gives others, for scale=1.0; store in __init__, and return in "
            "get_config, all that decides what it computes"
        ),
    ),
}
