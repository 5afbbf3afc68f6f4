"""The error of a run in which a node failed."""

from huberflow.pipeline.system.interruption import first_line


class NodeFailedError(Exception):
    """A node failed; the message has the cause in one line, then a line for each detail."""

    def __init__(self, node: str, cause: BaseException) -> None:
        super().__init__(node, cause)
        self.node = node
        self.cause = cause
        self.details: list[str] = []

    def __str__(self) -> str:
        return "\n".join([f"{self.node} failed: {first_line(self.cause)}", *self.details])
