"""What goes with a container is told apart from what is on a volume."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.container import goes_with_container, in_container
from streams.pseudonyms import warnings
from streams.settings import load
from streams.worker.run import left_out

MOUNTS = """\
700 650 0:60 / / rw,relatime - overlay overlay rw,lowerdir=/a:/b,upperdir=/c,workdir=/d
701 700 0:64 / /proc rw,nosuid - proc proc rw
702 700 0:65 / /dev rw,nosuid - tmpfs tmpfs rw,size=65536k
703 700 254:0 /vol/_data /var/lib/alarm-fatigue/audit rw - ext4 /dev/vda rw
704 700 254:0 /keys /key\\040files ro,relatime shared:1 - ext4 /dev/vda ro
705 700 0:70 / /run/secrets/key ro,relatime - tmpfs tmpfs ro
706 700 254:0 /vol2/_data /run/secrets/key rw - ext4 /dev/vda rw
"""
"""As Docker mounts a container with two volumes, and a third over a tmpfs."""


@pytest.mark.parametrize(
    ("path", "goes"),
    [
        ("/var/lib/alarm-fatigue/.local/state/alarm-fatigue/pseudonym.key", True),
        ("/var/lib/alarm-fatigue/audit/pseudonym.key", False),
        ("/var/lib/alarm-fatigue/auditor", True),
        ("/dev/shm/key", True),
        ("/key files/pseudonym.key", False),
        ("/run/secrets/key", False),
    ],
)
def test_files_on_volumes_stay(path: str, goes: bool) -> None:
    assert goes_with_container(Path(path), MOUNTS) is goes


def test_docker_podman_and_kubernetes_are_known(tmp_path: Path) -> None:
    mark = tmp_path / ".dockerenv"
    assert not in_container({}, [mark], MOUNTS)
    mark.touch()
    assert in_container({}, [mark], MOUNTS)
    machine = "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw"
    assert not in_container({}, [mark], machine)  # made from an image, and no container
    assert in_container({"KUBERNETES_SERVICE_HOST": "10.96.0.1"}, [], machine)


def test_a_mounted_key_causes_no_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under Kubernetes, wherever the tests' own files are: that is on `/`, in memory or mounted."""
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    monkeypatch.setenv("XDG_STATE_HOME", "/no-volume")
    [line] = warnings(load())
    assert line.startswith(
        "pseudonym_key_file: not set, so the key is /no-volume/alarm-fatigue/pseudonym.key, which "
        "goes when this container is removed"
    )
    key = tmp_path / "key"
    key.write_text("k" * 64)
    key.chmod(0o600)
    assert warnings(load(pseudonym_key_file=key)) == []
    assert warnings(load(pseudonyms=False)) == []


def test_a_worker_that_cannot_read_its_archive_says_so(tmp_path: Path) -> None:
    asks = load(archive={"path": str(tmp_path)})
    said = left_out(asks, lambda _: None)
    assert said is not None
    assert said.startswith("archive.path: this image leaves out what reads an archive")
    assert left_out(asks) is None  # polars is installed here
    assert left_out(load(), lambda _: None) is None
