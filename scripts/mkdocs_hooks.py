"""Hooks of mkdocs: the site holds `docs/` alone, so links to other files become their text."""

import re

_LINK_OUT_OF_DOCS = re.compile(r"\[([^]]*)\]\(\.\./[^)]*\)")


def on_page_markdown(markdown: str, **_: object) -> str:
    """The page without links to files of the repository, which is not part of the site."""
    return _LINK_OUT_OF_DOCS.sub(r"\1", markdown)
