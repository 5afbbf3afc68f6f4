"""Clients that ask a server without a pause, and what they were answered."""

import http.client
import threading
from collections import Counter
from dataclasses import dataclass, field

from served import ask, connection, predictions

REQUESTS, CLIENTS = 2_000, 8


@dataclass(frozen=True)
class Batch:
    """Some golden rows, and what each of the two models gives for them."""

    rows: list[dict]
    old: list[float]
    new: list[float]


@dataclass
class Traffic:
    """Clients that ask without a pause, while one server takes the place of another."""

    port: int
    batches: list[Batch]
    counts: Counter = field(default_factory=Counter)
    wrong: list = field(default_factory=list)
    in_full: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)

    def client(self, number: int) -> None:
        counts, asked = Counter(), 0
        to = connection(self.port)
        while asked < REQUESTS // CLIENTS or not self.over.is_set():
            batch = self.batches[(number + asked) % len(self.batches)]
            try:
                status, answer = ask(to, "/invocations", dataframe_records=batch.rows)
            except (http.client.RemoteDisconnected, ConnectionError):
                counts["lost"] += 1  # Refused, or closed before any byte of an answer.
                to.close()
                continue
            asked += 1
            values = predictions(answer) if status == 200 else answer
            model = {"old": values == batch.old, "new": values == batch.new}
            if not any(model.values()):
                self.wrong.append((status, answer))
            counts.update(name for name, is_its in model.items() if is_its)
            if asked == REQUESTS // CLIENTS // 2:
                self.in_full.set()
            if asked % 50 == 0:
                to.close()  # A new connection for the next one.
        to.close()
        self.counts.update(counts)
