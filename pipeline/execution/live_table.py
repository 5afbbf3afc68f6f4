"""A table that is drawn anew while something goes on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.live import Live


@contextmanager
def live(
    console: Console, table: Callable[[], RenderableType], *, per_second: float
) -> Iterator[None]:
    """Draws until the block ends; the last state stays. Only on a terminal: a file gets nothing."""
    if not console.is_terminal:
        yield
        return
    # Redirected, what libraries print would come here instead of into the log.
    with Live(
        get_renderable=table,
        console=console,
        refresh_per_second=per_second,
        redirect_stdout=False,
        redirect_stderr=False,
    ):
        yield
