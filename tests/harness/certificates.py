"""A token, a self-made certificate for the web server, and an authority that signs others."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.harness.needs import need

TOKEN = "a-token-of-this-test-0123456789"


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    cert, key = folder / f"{name}.crt", folder / f"{name}.key"
    subprocess.run(
        [
            need("openssl"),
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
            "-subj",
            f"/CN={name}",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-keyout",
            key,
            "-out",
            cert,
        ],
        check=True,
        capture_output=True,
    )
    return cert, key


class Authority:
    """A certificate authority of the test's own; `folder` keeps its files and what it signs."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.name = name
        self.cert, self._key = folder / f"{name}.crt", folder / f"{name}.key"
        _openssl(
            "req",
            "-x509",
            *_NEW_KEY,
            "-days",
            "2",
            "-subj",
            f"/CN={name}",
            "-keyout",
            self._key,
            "-out",
            self.cert,
        )

    def sign(self, name: str, address: str = "IP:127.0.0.1", days: int = 2) -> tuple[Path, Path]:
        """Certificate and key for an `address` such as DNS:kafka; expired with negative `days`."""
        cert, key, asked = (self.folder / f"{name}.{end}" for end in ("crt", "key", "csr"))
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={address}\n")
        _openssl("req", *_NEW_KEY, "-subj", f"/CN={name}", "-keyout", key, "-out", asked)
        _openssl(
            "x509",
            "-req",
            "-in",
            asked,
            "-CA",
            self.cert,
            "-CAkey",
            self._key,
            "-CAcreateserial",
            "-days",
            str(days),
            "-extfile",
            extensions,
            "-out",
            cert,
        )
        return cert, key

    def revoked(self, *names: str) -> Path:
        """The list of revoked certificates, with these of the signed ones."""
        settings = self.folder / f"{self.name}.cnf"
        (self.folder / f"{self.name}.index").touch()
        settings.write_text(
            f"[ca]\ndefault_ca=own\n[own]\ndatabase={self.folder}/{self.name}.index\n"
            "default_md=sha256\ndefault_crl_days=2\n"
        )
        ours = ("ca", "-config", settings, "-cert", self.cert, "-keyfile", self._key)
        for name in names:
            _openssl(*ours, "-revoke", self.folder / f"{name}.crt")
        found = self.folder / f"{self.name}.crl"
        _openssl(*ours, "-gencrl", "-out", found)
        return found

    def keystore(self, name: str, address: str = "IP:127.0.0.1", days: int = 2) -> Path:
        """The same in one file, as Kafka takes it."""
        cert, key = self.sign(name, address, days)
        store = self.folder / f"{name}.pem"
        store.write_text(key.read_text() + cert.read_text())
        return store


_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def _openssl(*arguments: str | Path) -> None:
    subprocess.run([need("openssl"), *arguments], check=True, capture_output=True)
