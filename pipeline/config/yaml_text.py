"""Reads and writes the YAML of configs."""

import re
from typing import Any

import yaml


def parse(text: str) -> object:
    """The value of a YAML text.

    Raises:
      yaml.YAMLError: it is not YAML, or gives a key twice.
    """
    return yaml.load(text, _Loader)  # noqa: S506 (it is a SafeLoader)


def flow(value: object) -> str:
    """The value as YAML in one line."""
    text = yaml.dump(
        value,
        Dumper=_Dumper,
        default_flow_style=True,
        sort_keys=False,
        width=10**6,
        allow_unicode=True,
    )
    return text.removesuffix("\n").removesuffix("\n...")


class _Loader(yaml.SafeLoader):
    """A loader with unique keys that are always text, and with 1e-3 as a number."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """Refuses a repeated key, of which PyYAML would silently drop the first."""
        keys = [key for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        written = [key.value for key in keys]
        for key in keys:
            if written.count(key.value) > 1:
                raise yaml.YAMLError(f"{key.value!r} is given twice")
            if key.tag != "tag:yaml.org,2002:merge":
                key.tag = "tag:yaml.org,2002:str"  # else `on` is True, and 7 a number
        return super().construct_mapping(node, deep)


class _Dumper(yaml.SafeDumper):
    """A dumper that quotes text which ``_Loader`` would read as a number."""


for _yaml in (_Loader, _Dumper):
    _yaml.add_implicit_resolver(
        "tag:yaml.org,2002:float",
        re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"),  # YAML 1.1 wants 1.0e-3
        list("-+.0123456789"),
    )
