"""HTML from the templates of this package; every value in it is escaped."""

from functools import cache

import jinja2

from huberflow.pipeline.report import formatting


def render(template: str, **values: object) -> str:
    """A template filled with these values; a missing value is an error."""
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
        "number": formatting.format_number,
        "duration": formatting.format_duration,
        "count": formatting.format_count,
        "change": formatting.format_change,
        "memory": formatting.format_memory,
    }
    return environment
