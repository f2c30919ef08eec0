"""Reads the settings, wires the rooms together and runs the Temporal worker."""

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar

import structlog
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.common import WorkerDeploymentVersion
from temporalio.worker import Worker, WorkerDeploymentConfig

from engine import logs
from engine.audit.keys import Signer
from engine.errors import EngineError, Unavailable
from engine.records.database import Database
from engine.settings import Settings
from engine.temporal import search_attributes
from engine.temporal.connection import NOTICE_QUEUE, TASK_QUEUE, connect
from engine.temporal.plugin import PassationPlugin
from engine.wiring import open_database, open_signer

T = TypeVar("T")

#: Activities and local activities at once, each kind; together no more than the database's connections.
_AT_ONCE: Final = 16
_GRACE: Final = timedelta(seconds=20)
#: A server that is gone must not hold the end of the worker.
_END_SECONDS: Final = 25.0
_POLL_SECONDS: Final = 0.02
_FIRST_WAIT: Final = 0.25
_LONGEST_WAIT: Final = 5.0
#: What waiting does not mend.
_FATAL: Final = frozenset({"database_driver", "database_newer", "search_attributes"})

log = structlog.stdlib.get_logger("worker")


async def run(settings: Settings) -> None:
    """Wait for the database and the Temporal server, then work until SIGTERM or SIGINT."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    database = open_database(settings)
    work = asyncio.create_task(_work(settings, database))
    stopped = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait({work, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            log.info("worker.stopping")
            work.cancel()
        # A worker that failed raises here.
        async with asyncio.timeout(_END_SECONDS):
            await work
    except asyncio.CancelledError:
        log.info("worker.stopped")
    finally:
        stopped.cancel()
        database.close()


async def _work(settings: Settings, database: Database) -> NoReturn:
    """Work until cancelled; a worker that is cancelled finishes its activities first."""
    await _patiently("database", lambda: asyncio.to_thread(database.check))
    client = await _patiently("temporal", lambda: _connected(settings))
    signer = open_signer(settings, may_create=True)
    workers = (
        _worker(client, database, signer, settings.bulk_in_flight),
        _notice_worker(client, database, settings),
    )
    running = [asyncio.create_task(worker.run()) for worker in workers]
    following = asyncio.create_task(_follow_up(client))
    try:
        # One that fails ends the other: the process is started again as a whole.
        done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        done.pop().result()
        raise AssertionError("a worker runs until it is told to stop")
    finally:
        following.cancel()
        await asyncio.gather(*(worker.shutdown() for worker in workers))
        await asyncio.gather(*running, following, return_exceptions=True)


async def _connected(settings: Settings) -> Client:
    # Tests run workflows in the sandbox, which would be a third of this process's work (decision 0021).
    client = await connect(settings, plugin=PassationPlugin(sandboxed=False))
    await search_attributes.check(client)
    return client


def _worker(client: Client, database: Database, signer: Signer, bulk_in_flight: int) -> Worker:
    # Imported here, so that a wrong setting is told before everything is loaded.
    from engine.activities import registry as activities  # noqa: PLC0415
    from engine.workflows import registry as workflows  # noqa: PLC0415

    return Worker(
        client,
        task_queue=TASK_QUEUE,
        workflows=workflows.WORKFLOWS,
        activities=activities.activities(
            database, TASK_QUEUE, signer, bulk_in_flight=bulk_in_flight, notice_queue=NOTICE_QUEUE
        ),
        activity_executor=ThreadPoolExecutor(2 * _AT_ONCE, thread_name_prefix="activity"),
        max_concurrent_activities=_AT_ONCE,
        max_concurrent_local_activities=_AT_ONCE,
        graceful_shutdown_timeout=_GRACE,
        deployment_config=_deployment(),
    )


def _notice_worker(client: Client, database: Database, settings: Settings) -> Worker:
    from engine.activities import registry as activities  # noqa: PLC0415
    from engine.workflows import registry as workflows  # noqa: PLC0415

    return Worker(
        client,
        task_queue=NOTICE_QUEUE,
        workflows=workflows.OF_NOTICES,
        activities=activities.of_notices(database, settings),
        max_concurrent_activities=1,
        max_cached_workflows=10,
        graceful_shutdown_timeout=timedelta(0),
        deployment_config=_deployment(),
    )


def _deployment() -> WorkerDeploymentConfig:
    """Name this version, because Temporal would otherwise hash every module that is loaded, for seconds."""
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion("passation", version("passation")), use_worker_versioning=False
    )


async def _follow_up(client: Client) -> None:
    """Say when the worker is there, then see that what runs by the clock is scheduled."""
    from engine.activities import registry, sweep  # noqa: PLC0415

    await _patiently("polling", lambda: _polling(client), retried=Exception)
    log.info("worker.started", task_queue=TASK_QUEUE, namespace=client.namespace, pid=os.getpid())
    await _patiently("schedules", lambda: registry.ensure_schedules(client, TASK_QUEUE), retried=Exception)
    await _patiently("notices", lambda: sweep.ensure_sender(client, NOTICE_QUEUE), retried=Exception)


async def _polling(client: Client) -> None:
    """Wait until the server knows that this worker asks for work."""
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=TASK_QUEUE),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    while True:
        answer = await client.workflow_service.describe_task_queue(request)
        if any(poller.identity == client.identity for poller in answer.pollers):
            return
        await asyncio.sleep(_POLL_SECONDS)


async def _patiently(
    what: str, attempt: Callable[[], Awaitable[T]], retried: type[Exception] = Unavailable
) -> T:
    """Try until it succeeds, ever more slowly, and say so; what waiting does not mend is raised."""
    wait = _FIRST_WAIT
    while True:
        try:
            return await attempt()
        except retried as error:
            if isinstance(error, Unavailable) and error.variant in _FATAL:
                raise
            code = error.key if isinstance(error, EngineError) else type(error).__qualname__
            log.warning("worker.waiting", waits_for=what, code=code, seconds=wait)
        await asyncio.sleep(wait)
        wait = min(2 * wait, _LONGEST_WAIT)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the worker on a data folder; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -P -m worker", description=__doc__)
    parser.add_argument("--data", type=Path, help="the data folder (PASSATION_DATA, ./passation-data)")
    logs.configure()
    logs.configure_core()
    try:
        asyncio.run(run(Settings.load(data=parser.parse_args(arguments).data)))
    except EngineError as error:
        facts: dict[str, Any] = dict(error.params)
        log.error("worker.failed", code=error.key, **facts)  # noqa: TRY400 - the code says it all
        return 1
    except Exception:
        log.exception("worker.failed")
        return 1
    return 0


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    # Temporal's library sometimes crashes an interpreter that ends by itself (sdk-python #300).
    os._exit(code)
