"""Unscanned: a Faust app whose parts are registered with it alone.

Faust's own decorators also register each part with venusian, for the discovery of apps in packages,
which looks through the sources of all loaded modules: a twentieth of a worker's start.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import faust
from faust.web.views import View


class Unscanned(faust.App):  # type: ignore[misc]  # Faust gives it no types
    """A Faust app that nothing discovers."""

    def _init_fixups(self) -> list[Any]:
        """None, and no look for them in every installed distribution: they are for Django."""
        return []

    def page(self, path: str, *, base: type[View] = View) -> Callable[[Any], type[View]]:
        """Serve `path` by a function."""

        def add(answer: Any) -> type[View]:
            view: type[View] = base.from_handler(answer)
            view.view_name, view.view_path = view.__name__, path
            self.web.add_view(view)
            return view

        return add

    def agent(self, channel: Any, *, name: str) -> Callable[[Any], Any]:
        """Read `channel` by a function, one slice after the other."""

        def add(consume: Any) -> Any:
            agent = self.conf.Agent(
                consume,
                name=name,
                app=self,
                channel=channel,
                concurrency=1,
                on_error=self._on_agent_error,
            )
            self.agents[agent.name] = agent
            self.topics.beacon.add(agent)
            return agent

        return add

    def _task(self, fun: Callable[[], Awaitable[None]], **_: bool) -> Callable[[], Awaitable[None]]:
        """Call `fun`, such as a timer, as soon as the partitions are there."""
        self._app_tasks.append(fun)
        return fun
