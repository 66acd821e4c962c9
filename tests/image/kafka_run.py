"""Starts Kafka as its official image does: settings are variables of the environment."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

CLUSTER = "5L6g3nShT-eMCtK--X86sw"
"""The cluster id with which the image formats its folder."""
NOT_SETTINGS = {"KAFKA_OPTS", "KAFKA_HEAP_OPTS"}


def setting(variable: str) -> str:
    """KAFKA_A_B is a.b; two underscores are one, three are a hyphen."""
    name = variable.removeprefix("KAFKA_").replace("___", "-").replace("__", "\0")
    return name.replace("_", ".").replace("\0", "_").lower()


def main() -> None:
    given = {
        setting(name): value
        for name, value in os.environ.items()
        if name.startswith("KAFKA_") and name not in NOT_SETTINGS
    }
    properties = Path("/opt/kafka/config/server.properties")
    properties.write_text("".join(f"{name}={value}\n" for name, value in given.items()))
    # the quick compiler alone halves the time to start
    tuned = ["-Xmx1G", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
    java = ["java", *tuned, *os.environ.get("KAFKA_OPTS", "").split(), "-cp", "/opt/kafka/libs/*"]
    if not Path(given["log.dirs"], "meta.properties").exists():
        tool = ["kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", str(properties)]
        subprocess.run([*java, *tool], check=True)
    os.execvp("java", [*java, "kafka.Kafka", str(properties)])


if __name__ == "__main__":
    main()
