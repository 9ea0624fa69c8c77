"""Downloads of stored files: whole or a part, with the name and type that the database has."""

import hashlib
from collections.abc import Iterator
from io import BytesIO
from typing import IO

from flask import Response, redirect, request, send_file

from tracker.storage.file_store import get_store
from tracker.storage.stores import CHUNK, DamagedFile, Store, StoreEntry


def send_stored(entry: StoreEntry, mimetype: str, download_name: str, *, as_attachment: bool = True) -> Response:
    """Send a stored file, or the part of it that the browser asks for.

    A file in a bucket is passed on while it is received; or, where `STORAGE_URL` says so, the browser is sent to the
    store for it. What a page plays comes from here always: a page may load nothing from elsewhere.
    """
    store = get_store()
    if path := store.find_path(entry.key):
        return send_file(path, mimetype, as_attachment, download_name, conditional=True)
    response = send_file(BytesIO(), mimetype, as_attachment, download_name, conditional=False, etag=entry.name)
    link = store.build_link(entry.key, response.headers["Content-Disposition"], mimetype) if as_attachment else None
    if link:
        return redirect(link, Response=Response)  # type: ignore[return-value]
    if entry.sha256 not in {None, entry.name}:
        raise DamagedFile(f"{entry.name} has other content")
    response.response = ReceivedFile(store, entry)
    response.content_length = entry.size
    response.last_modified = entry.modified_at  # type: ignore[assignment]
    response.make_conditional(request.environ, accept_ranges=True, complete_length=entry.size)
    return response


class ReceivedFile:
    """The content of a stored file in chunks, requested when the first one is needed.

    Read from the beginning to the end it is compared with its hash, and the last chunk is held back until then: of a
    file that was changed, no complete copy is sent. Werkzeug calls `seek` and `tell` to send a part.
    """

    def __init__(self, store: Store, entry: StoreEntry) -> None:
        self.store, self.entry = store, entry
        self.position = 0
        self.stream: IO[bytes] | None = None
        self.chunks: Iterator[bytes] | None = None

    def seekable(self) -> bool:
        """Return True: it can begin anywhere."""
        return True

    def seek(self, position: int) -> None:
        """Begin at a position, before anything was read."""
        self.position = position

    def tell(self) -> int:
        """Return where it begins."""
        return self.position

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self.chunks is None:
            self.stream = self.store.open(self.entry.key, self.position)
            self.chunks = self._compare(self.stream) if self.position == 0 else iter(self._read, b"")
        return next(self.chunks)

    def close(self) -> None:
        """End the request to the store."""
        if self.stream:
            self.stream.close()

    def _read(self) -> bytes:
        return self.stream.read(CHUNK) if self.stream else b""

    def _compare(self, stream: IO[bytes]) -> Iterator[bytes]:
        """Yield the chunks of a stream; raise `DamagedFile` instead of the last one if the hash differs."""
        digest, held = hashlib.sha256(), b""
        while chunk := stream.read(CHUNK):
            if held:
                yield held
            digest.update(chunk)
            held = chunk
        if digest.hexdigest() != self.entry.name:
            raise DamagedFile(f"{self.entry.name} has other content")
        yield held
