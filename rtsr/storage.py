"""Files that lie elsewhere, by URL: `s3://bucket/film.mkv`, `sftp://host/film.mkv`, read and written through fsspec.

Why not FFmpeg's own protocols: the wheel of PyAV has neither S3 nor SFTP. What FFmpeg does speak (`http`, `rtsp`, ...)
stays with it, see `rtsr.demux`.
"""

from __future__ import annotations

from contextlib import contextmanager
from io import BytesIO
from typing import IO, TYPE_CHECKING, Any

from rtsr.errors import BackendError, RtsrError, SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator

_PACKAGES = {"s3": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs", "sftp": "paramiko",
             "ssh": "paramiko", "smb": "smbprotocol", "memory": ""}  # fmt: skip
SCHEMES = tuple(_PACKAGES)
"""Of fsspec's protocols, those that hold files which can be entered at any place."""


def is_remote(uri: str) -> bool:
    """Whether `uri` is reached through fsspec."""
    scheme, found, _ = uri.partition("://")
    return bool(found) and scheme.lower() in SCHEMES


class Place:
    """A folder or a file, by path or URL.

    Each of its methods raises SourceError where it cannot be reached, with what the file system says.

    Args:
        uri: `s3://bucket/folder`, `file:///mnt/share`, `/mnt/share`.

    Raises:
        BackendError: fsspec, or what it needs for this protocol, is not installed.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri.rstrip("/")
        try:
            from fsspec.core import url_to_fs

            with _in_words(self.uri):
                self._files, self.path = url_to_fs(self.uri)
        except ImportError as error:
            package = _PACKAGES.get(uri.partition("://")[0].lower(), "")
            raise BackendError(
                f"{uri} cannot be reached: {error}", mend=f'pip install "rtsr[cluster]" {package}'.rstrip()
            ) from error

    def facts(self) -> dict[str, Any]:
        """Of a file: `size` in bytes, and whatever else tells one state of it from another."""
        with _in_words(self.uri):
            return dict(self._files.info(self.path))

    def open(self) -> IO[bytes]:
        """A file, to be read at any place of it; the caller's to close."""
        with _in_words(self.uri):
            if self.uri.startswith("memory:"):  # its readers would share one position
                return BytesIO(self._files.cat_file(self.path))
            opened: IO[bytes] = self._files.open(self.path, "rb")
            return opened

    def put(self, name: str, content: bytes) -> None:
        """Write a file of that name into the folder."""
        with _in_words(self.uri):
            self._files.makedirs(self.path, exist_ok=True)
            with self._files.open(f"{self.path}/{name}", "wb") as file:
                file.write(content)

    def get(self, name: str) -> bytes:
        """What is in that file of the folder."""
        with _in_words(f"{self.uri}/{name}"):
            content: bytes = self._files.cat_file(f"{self.path}/{name}")
            return content

    def names(self) -> list[str]:
        """Of the files in the folder; none where it does not exist."""
        with _in_words(self.uri):
            found = self._files.ls(self.path, detail=False) if self._files.exists(self.path) else []
            return [str(path).rpartition("/")[2] for path in found]

    def remove(self) -> None:
        """Delete the folder with all that is in it; nothing where there is none."""
        with _in_words(self.uri):
            if self._files.exists(self.path):
                self._files.rm(self.path, recursive=True)


@contextmanager
def _in_words(uri: str) -> Iterator[None]:
    """Each of fsspec's file systems raises errors of its own library: all of them become ours."""
    try:
        yield
    except (RtsrError, ImportError):
        raise
    except FileNotFoundError as error:
        raise SourceError(f"{uri} does not exist", mend="check the URL") from error
    except Exception as error:
        raise SourceError(
            f"{uri} cannot be reached ({type(error).__name__}: {error})", mend="check the URL and its credentials"
        ) from error
