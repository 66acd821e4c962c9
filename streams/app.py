"""The worker: Faust's consumer, groups, recovery and web server around the partitions' work. The composition root."""

from __future__ import annotations

import time
from collections.abc import Callable

import faust

from streams.consumer import Transport
from streams.settings import Settings
from streams.topics import LARGEST_RECORD
from streams.work import Work


class App(faust.App):
    """A Faust app that stores its state before it lets go of its partitions."""

    work: Work

    def _new_transport(self) -> Transport:
        return Transport(self.conf.broker_consumer, self)

    def _create_directories(self) -> None:
        """None: state lives in Kafka."""

    async def on_stop(self) -> None:
        await self.work.drain()
        await super().on_stop()


def create_app(settings: Settings, clock: Callable[[], float] = time.time) -> App:
    """The worker for `settings`; `clock` gives seconds since the epoch. `settings.partitions` must be the topics' own number."""
    app = App(
        settings.group,
        broker=[f"kafka://{address.strip()}" for address in settings.broker.split(",")],
        broker_client_id=settings.group,
        broker_commit_interval=settings.checkpoint_interval / 1000,
        broker_heartbeat_interval=settings.session_timeout / 3000,
        broker_session_timeout=settings.session_timeout / 1000,
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=settings.instance,
        producer_acks=-1,
        producer_max_request_size=LARGEST_RECORD,
        agent_supervisor="mode.CrashingSupervisor",  # a failed engine must not go on with half a record taken in
        topic_partitions=settings.partitions,
        topic_disable_leader=True,
        store="memory://",
        stream_wait_empty=False,  # what is not acknowledged is read again; waiting for it would wait for the next checkpoint
        web_bind=settings.web.host,
        web_host=settings.web.host,
        web_port=settings.web.port,
        web_router_enabled=False,
        web_tables_enabled=False,
        web_graph_enabled=False,
        web_stats_enabled=False,
    )
    app.work = Work(app, settings, clock)
    return app
