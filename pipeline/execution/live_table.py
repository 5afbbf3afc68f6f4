"""A table that shows progress: live on a terminal, as lines in a file."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.live import Live
from rich.table import Table


class LiveTable:
    """The base of the tables for a run and a sweep.

    Args:
      console: where to print; live only if it is a terminal.
      columns: their headings; the one named seconds is aligned to the right.
    """

    def __init__(self, console: Console, columns: tuple[str, ...]) -> None:
        self._console = console
        self._columns = columns

    def rows(self) -> Iterable[tuple[RenderableType, ...]]:
        """The cells of each row as they are now."""
        raise NotImplementedError

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Refreshes the table until the block ends; its last state stays on the screen."""
        if not self._console.is_terminal:
            yield
            return
        # With redirection, rich would print the libraries' output here instead of into the log.
        with Live(
            get_renderable=self.table,
            console=self._console,
            redirect_stdout=False,
            redirect_stderr=False,
        ):
            yield

    def table(self) -> Table:
        """The whole table as it is now."""
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for name in self._columns:
            table.add_column(name, justify="right" if name == "seconds" else "left")
        for row in self.rows():
            table.add_row(*row)
        return table

    def print_line(self, line: str) -> None:
        """Prints a line where there is no terminal."""
        if not self._console.is_terminal:
            self._console.print(line, highlight=False, markup=False, soft_wrap=True)
