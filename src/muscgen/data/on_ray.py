"""The same work on a Ray cluster, by Ray Data: for sets that outgrow a machine.

Every machine of the cluster sees the data set and the output folder under the same names, and has muscgen.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from itertools import islice
from typing import Any

from muscgen.data.preparer import Job, Preparer
from muscgen.data.sources import Source
from muscgen.data.work import Order
from muscgen.errors import ConfigurationError

WAVE = 4_096  # orders in one data set of Ray's: bounds what the driver holds
_ANSWER_S = 10.0
_BLOCK = 4  # orders that a worker takes at once
Record = dict[str, Any]


class _Row:
    """The preparer over Ray Data's rows."""

    def __init__(self, job: Job) -> None:
        self._preparer = Preparer(job)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        return {"record": json.dumps(self._preparer(order_of(row["order"])))}


def on_ray(orders: Iterable[Order], job: Job, address: str, workers: int | None) -> Iterator[Record]:
    """A record for each order. workers: None takes as many as the cluster has cores.

    Raises ConfigurationError where ray is not installed or nobody answers at the address.
    """
    ray = _connected(address)
    try:
        most = workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
        waiting = iter(orders)
        while wave := [{"order": json.dumps(asdict(order))} for order in islice(waiting, WAVE)]:
            blocks = max(1, min(len(wave), -(-len(wave) // _BLOCK)))
            rows = ray.data.from_items(wave, override_num_blocks=blocks)
            done = rows.map(
                _Row,
                fn_constructor_args=(job,),
                num_cpus=1,
                compute=ray.data.ActorPoolStrategy(min_size=1, max_size=most),
            )
            for row in done.iter_rows():
                yield json.loads(row["record"])
    finally:
        ray.shutdown()


def order_of(text: str) -> Order:
    """An order as JSON has it."""
    fields = json.loads(text)
    source = fields.pop("source")
    span = source.pop("span")
    return Order(source=Source(**source, span=None if span is None else (span[0], span[1])), **fields)


def _connected(address: str) -> Any:  # noqa: ANN401  (the module, which may not be installed)
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise ConfigurationError(
            "--ray needs Ray, which is not installed", param="ray", suggestion="pip install 'muscgen[ray]'"
        ) from error
    _look(address)
    try:
        ray.init(address=address, log_to_driver=False, configure_logging=False)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise ConfigurationError(
            f"no Ray cluster answers at {address}: {error}",
            param="ray",
            suggestion="ray start --head; HOST:6379",
        ) from error
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    return ray


def _look(address: str) -> None:
    """Ray itself would try for minutes. Raises ConfigurationError where nobody listens at HOST:PORT."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if host and port.isdecimal():
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWER_S).close()
        except (OSError, OverflowError) as error:
            raise _silent(address, error) from error


def _silent(address: str, error: Exception) -> ConfigurationError:
    return ConfigurationError(
        f"no Ray cluster answers at {address}: {error}",
        param="ray",
        suggestion="ray start --head; then HOST:6379",
    )
