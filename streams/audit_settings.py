"""Settings of the audit: where it is kept, and where copies go."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from streams.paging_settings import Duration

_SERVER = re.compile(r"([^\s:/]+|\[[0-9a-fA-F:]+\]):\d{1,5}", re.ASCII)


class AuditSettings(BaseModel):
    """The audit trail: who read what about whom (see `streams.audit`)."""

    model_config = ConfigDict(extra="forbid", validate_default=True)

    file: Path | None = Field(
        None,
        description="file of the audit, to which workers, `alarm-fatigue who` and other commands "
        "of this machine append; without it, a worker records no readers",
    )
    key_file: Path | None = Field(
        None,
        description="file with a key of 32 bytes or more for the hashes of the entries, so that "
        "who has no key cannot forge them",
    )
    rotate_bytes: int = Field(
        64 << 20, ge=0, description="size at which the file is put aside as FILE.NUMBER; 0: never"
    )
    repeat: Duration = Field(
        "1m",
        description="equal reads within this time are one entry, with their number",
    )  # type: ignore[assignment]
    syslog: str | None = Field(
        None, description="HOST:PORT of a syslog server (RFC 5424 over TLS) that gets a copy"
    )
    syslog_ca_file: Path | None = Field(
        None,
        description="authorities (PEM) that sign its certificate; without it, those that the "
        "system trusts",
    )
    syslog_cert_file: Path | None = Field(
        None, description="certificate (PEM) to show it; needs `syslog_key_file`"
    )
    syslog_key_file: Path | None = Field(None, description="private key (PEM) of the certificate")
    syslog_queue: int = Field(
        10_000, ge=1, description="most entries that wait for it; further ones are not sent"
    )

    @model_validator(mode="after")
    def _is_whole(self) -> AuditSettings:
        if not 1000 <= self.repeat <= 3_600_000:
            raise ValueError("repeat: expected 1s to 1h")
        if self.syslog is not None and _SERVER.fullmatch(self.syslog) is None:
            raise ValueError("syslog: expected HOST:PORT")
        if self.file is None and (self.syslog is not None or self.key_file is not None):
            raise ValueError("file: expected it beside syslog and key_file: copies are no record")
        if (self.syslog_cert_file is None) != (self.syslog_key_file is None):
            raise ValueError("syslog_cert_file: expected syslog_key_file as well, or neither")
        return self
