"""Probes whether a broker answers, over a separate connection rather than through a client."""

from __future__ import annotations

import socket
import struct


def answers_metadata(host: str, port: int, *, timeout: float = 2.0) -> bool:
    """Whether a Kafka metadata request gets an answer that lists a broker."""
    client = b"alarm-fatigue"
    # Metadata, version 1, correlation id 1, and an empty list of topics (in version 1: none).
    request = struct.pack(">hhih", 3, 1, 1, len(client)) + client + struct.pack(">i", 0)
    try:
        with (
            socket.create_connection((host, port), timeout=timeout) as connection,
            connection.makefile("rb") as answer,
        ):
            connection.sendall(struct.pack(">i", len(request)) + request)
            head = answer.read(12)  # size, correlation id, number of brokers
    except OSError:
        return False
    return len(head) == 12 and struct.unpack(">iii", head)[1:] >= (1, 1)


def host_and_port(address: str) -> tuple[str, int]:
    """Host and port of a bootstrap address, by default Kafka's port 9092."""
    host, found, port = address.strip().rpartition(":")
    return (
        (host.strip("[]"), int(port))
        if found and port.isdigit()
        else (address.strip().strip("[]"), 9092)
    )
