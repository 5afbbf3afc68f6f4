"""An extension of griffe, which reads docstrings for the API reference."""

import re

import griffe


class ExampleSections(griffe.Extension):
    """Reads ``Example::`` and the block below it as a section of examples."""

    def on_object(self, *, obj: griffe.Object, **_: object) -> None:
        """Rewrites the docstring of a class, function or module."""
        if obj.docstring:
            obj.docstring.value = re.sub(r"\bExample::\n+", "Examples:\n", obj.docstring.value)
