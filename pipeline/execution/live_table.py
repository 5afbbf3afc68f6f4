"""A table that is refreshed on a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.live import Live


@contextmanager
def live(
    console: Console, table: Callable[[], RenderableType], *, per_second: float
) -> Iterator[None]:
    """Shows the table until the block ends; its last state stays. Prints nothing to a file."""
    if not console.is_terminal:
        yield
        return
    # With redirection, rich would print the libraries' output here instead of into the log.
    with Live(
        get_renderable=table,
        console=console,
        refresh_per_second=per_second,
        redirect_stdout=False,
        redirect_stderr=False,
    ):
        yield
