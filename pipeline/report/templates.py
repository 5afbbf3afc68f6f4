"""HTML from the templates of this package; every value in it is escaped."""

from functools import cache
from typing import Any

import jinja2

from huberflow.pipeline.report import words


def render(template: str, **values: Any) -> str:
    """A template with these values; a value it asks for and does not get is an error."""
    return _environment().get_template(template).render(values)


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("huberflow.pipeline.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": words.number,
        "duration": words.duration,
        "count": words.count,
    }
    return environment
