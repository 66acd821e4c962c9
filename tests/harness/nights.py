"""A night: everything between an alert and the person who takes its page. A real Alertmanager, the
relay before the paging gateway, and the worker's page behind the link.
"""

from __future__ import annotations

import http.client
import re
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import yaml

from streams.dev.broker import free_port
from streams.formats.calendars import Calendars
from streams.paging.links import Signer
from streams.paging.ownership import Ownership
from streams.paging.silences import Alertmanager as Client
from streams.settings import WebSettings
from tests.harness.alertmanagers import Alertmanager
from tests.harness.certificates import TOKEN as READERS_TOKEN
from tests.harness.gateways import TOKEN, Gateway, Sent
from tests.harness.site import FakeWorker, Site, simulated
from tests.harness.workers import COMMAND, eventually

KEY = "0123456789abcdef" * 4
BASE = "https://alarms.example.org"


class Night:
    """Everything between an alert and the person who takes the page."""

    def __init__(self, folder: Path, gateway: Gateway) -> None:
        self.gateway = gateway
        self._folder = folder
        port = free_port()
        (folder / "token").write_text(TOKEN)
        (folder / "key").write_text(KEY)
        self.alertmanager = Alertmanager(folder / "am", Relayed(port))
        config = {
            "alertmanager": {"url": f"http://{self.alertmanager.server.address}"},
            "paging": {"url": BASE, "key_file": str(folder / "key")},
        }
        (folder / "settings.yaml").write_text(yaml.safe_dump(config))
        self._said = folder / "pages.out"
        with self._said.open("w") as out:
            self._relay = subprocess.Popen(
                [
                    COMMAND,
                    "pages",
                    f"--port={port}",
                    f"--token-file={folder / 'token'}",
                    f"--config={folder / 'settings.yaml'}",
                    f"--forward={gateway.address}",
                    f"--forward-token-file={folder / 'token'}",
                ],
                stdout=out,
                stderr=out,
            )
        self.signer = Signer(KEY.encode())
        ownership = Ownership(Client(config["alertmanager"]["url"]), Calendars())
        self.site = Site(
            FakeWorker(simulated()),
            WebSettings(token=READERS_TOKEN),  # type: ignore[arg-type]  # pydantic hides it
            ownership=ownership,
            signer=self.signer,
        )
        self.site.start()
        eventually(lambda: "pages arrive at" in self.said, "the relay listens")

    @property
    def said(self) -> str:
        return self._said.read_text()

    def stop(self) -> None:
        self.site.stop()
        self._relay.terminate()
        self._relay.wait(10)
        self.alertmanager.server.stop()

    # -- pages

    def paged(self, receiver: str, count: int = 1) -> Sent:
        """The latest page of a receiver, once it has so many."""

        def came() -> list[Sent]:
            found = [one for one in self.gateway.sent() if one.receiver.startswith(receiver)]
            return found if len(found) >= count else []

        return eventually(came, f"{receiver} is paged")[-1]  # type: ignore[no-any-return]

    @staticmethod
    def path(sent: Sent) -> str:
        """The path of the link in the text, which leads to a worker."""
        [link] = re.findall(r"https?://\S*/take\S*", sent.payload["text"])
        assert link == sent.payload["take"]
        assert link.startswith(f"{BASE}/take?")
        return str(link).removeprefix(BASE)

    # -- the page behind the link

    def ask(self, method: str, path: str, **form: str) -> tuple[int, str, dict[str, str]]:
        """Status, text and headers; follows nothing. Without a reader's token."""
        connection = http.client.HTTPConnection("127.0.0.1", self.site.port, timeout=20)
        headers = {"Content-Type": "application/x-www-form-urlencoded"} if form else {}
        connection.request(method, path, urlencode(form) if form else None, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text, dict(answer.getheaders())

    def silences(self) -> list[dict[str, Any]]:
        """The silences in force."""
        return [
            one for one in self.alertmanager.call("silences") if one["status"]["state"] == "active"
        ]

    def units(self) -> dict[str, Any]:
        answer = self.site.get("/api/v1/units", Authorization=f"Bearer {READERS_TOKEN}")
        return {one["unit"]: one for one in answer.json["units"]} | {
            "takings": answer.json["takings"]
        }

    def metrics(self) -> list[str]:
        answer = self.site.get("/metrics", Authorization=f"Bearer {READERS_TOKEN}")
        return [
            line
            for line in answer.body.decode().splitlines()
            if line.startswith("alarm_fatigue_page_taken")
        ]


class Relayed(Gateway):
    """The address of the relay, for Alertmanager's configuration."""

    def __init__(self, port: int) -> None:
        self._relay = port

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._relay}/"
