"""Where an archive is: a local folder, or the URL of an object store."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from streams.archive.folder import Folder
from streams.archive.stores import ArchiveError, Store
from streams.extras import install

SCHEMES = ("s3", "gs", "az")


def is_url(where: Path | str) -> bool:
    """
    >>> is_url("s3://bucket/archive"), is_url("/var/lib/archive")
    (True, False)
    """
    return "://" in str(where)


def store_at(where: Path | str) -> Store:
    """Raises `ArchiveError`."""
    if not is_url(where):
        return Folder(Path(where))
    url = urlsplit(str(where))
    if url.scheme not in SCHEMES:
        raise ArchiveError(
            f"{url.scheme}://: expected a folder, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or "
            "az://CONTAINER/PREFIX"
        )
    if url.username or url.password or url.query or url.fragment:
        raise ArchiveError(
            f"{url.scheme}://{url.hostname}{url.path}: expected no credentials or parameters in a "
            "URL; they belong in the environment (docs/archive.md)"
        )
    if not url.hostname:
        raise ArchiveError(f"{url.scheme}://: expected the name of a bucket")
    try:
        from streams.archive.bucket import Bucket
    except ModuleNotFoundError as error:
        if error.name != "obstore":
            raise
        raise ArchiveError(
            f"{url.scheme}:// needs the extra objectstore; run: {install('objectstore')}"
        ) from None
    return Bucket(url.scheme, url.netloc, url.path.strip("/"))
