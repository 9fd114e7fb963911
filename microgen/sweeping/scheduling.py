"""Where candidates run: some at a time on this machine, or on a Dask cluster."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, Protocol

from ..errors import SetupError

# A function of an item and of what all items share.
Function = Callable[[Any, Any], Any]
_CONNECT_S = 10


class Scheduler(Protocol):
    """Runs a function on items, some at a time; `close` lets go of what it holds."""

    def close(self) -> None: ...  # noqa: D102

    def run(self, function: Function, items: Sequence[Any], shared: Any) -> Iterator[tuple[int, Any]]:  # noqa: ANN401
        """Yield the number of each item and what the function returned, or the exception, as they are done."""


class Local:
    """Threads of this process; what they call does its heavy work in worker processes.

    They are daemons: a sweep that is interrupted does not wait for them, and their workers end with them.
    """

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs

    def close(self) -> None:
        """There is nothing to let go of."""

    def run(self, function: Function, items: Sequence[Any], shared: Any) -> Iterator[tuple[int, Any]]:  # noqa: ANN401
        """As `Scheduler.run`."""
        waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
        done: queue.SimpleQueue[tuple[int, Any]] = queue.SimpleQueue()
        for index in range(len(items)):
            waiting.put(index)

        def serve() -> None:
            while True:
                try:
                    index = waiting.get_nowait()
                except queue.Empty:
                    return
                try:
                    done.put((index, function(items[index], shared)))
                except Exception as error:
                    done.put((index, error))

        for _ in range(min(self._jobs, len(items))):
            threading.Thread(target=serve, daemon=True).start()
        for _ in items:
            yield done.get()


class Dask:
    """The workers of a Dask cluster, which have the same microgen installed.

    Args:
        address: of its scheduler, such as "tcp://10.0.0.7:8786".

    Raises:
        SetupError: distributed is not installed, or no scheduler answers.
    """

    def __init__(self, address: str) -> None:
        try:
            import distributed
        except ImportError:
            raise SetupError(
                "a cluster needs distributed, which is not installed", "pip install 'microgen[dask]'"
            ) from None
        try:
            self._client = distributed.Client(address, timeout=_CONNECT_S, set_as_default=False)
        except (OSError, ValueError, TimeoutError) as error:
            raise SetupError(
                f"no Dask scheduler at {address} ({' '.join(str(error).split())[:200]})", "start one: dask scheduler"
            ) from None
        try:
            self._client.wait_for_workers(1, timeout=_CONNECT_S)
        except TimeoutError:
            self._client.close()
            raise SetupError(f"the Dask scheduler at {address} has no workers", f"dask worker {address}") from None

    def run(self, function: Function, items: Sequence[Any], shared: Any) -> Iterator[tuple[int, Any]]:  # noqa: ANN401
        """As `Scheduler.run`. A worker that dies on an item is an error of this item.

        What items share travels with each: if it lay on the workers, a worker that dies would take it along. So no
        more items are under way than there are threads.
        """
        import dask
        import distributed

        numbers: dict[Any, int] = {}
        under_way = distributed.as_completed(loop=self._client.loop)

        def submit(index: int) -> None:
            with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1GB"}):
                future = self._client.submit(function, items[index], shared, pure=False, retries=0)
            numbers[future] = index
            under_way.add(future)

        waiting = iter(range(len(items)))
        for index in islice(waiting, max(1, sum(self._client.nthreads().values()))):
            submit(index)
        for future in under_way:
            error = future.exception()
            yield numbers.pop(future), error if error is not None else future.result()
            for index in islice(waiting, 1):
                submit(index)

    def close(self) -> None:
        """Leave the cluster."""
        self._client.close()
