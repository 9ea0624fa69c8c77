"""OLE compound files and Outlook messages with given streams, as Outlook writes them."""

import struct
from collections.abc import Mapping
from datetime import datetime

SECTOR, MINI_SECTOR, MINI_LIMIT = 512, 64, 4096
END, FREE, NONE, TABLE = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFD
STORAGE, STREAM, ROOT = 1, 2, 5
Tree = Mapping[str, "bytes | Tree"]


class CompoundFile:
    """The sectors, the small streams and the directory of a compound file, filled stream by stream."""

    def __init__(self, tree: Tree) -> None:
        self.sectors: list[bytes] = []
        self.chains: list[int] = []
        self.small = b""
        self.small_chains: list[int] = []
        self.entries: list[list] = [["Root Entry", ROOT, NONE, NONE, 0, 0]]
        self.entries[0][3] = self._add_children(tree)

    def to_bytes(self) -> bytes:
        """Return the file: its header, then streams, directory and tables."""
        root = self.entries[0]
        root[4], root[5] = self._add_stream(self.small), len(self.small)
        directory = self._add_stream(b"".join(self._pack_entry(*entry) for entry in self.entries))
        small_table = self._add_stream(struct.pack(f"<{len(self.small_chains)}I", *self.small_chains))
        count = -(-len(self.chains) // (SECTOR // 4 - 1))  # each sector of the table has a number in it too
        tables = range(len(self.chains), len(self.chains) + count)
        chains = [*self.chains, *[TABLE] * count]
        packed = struct.pack(f"<{len(chains)}I", *chains).ljust(count * SECTOR, b"\xff")
        header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6)
        header += bytes(6) + struct.pack("<6I", 0, count, directory, 0, MINI_LIMIT, small_table)
        header += struct.pack(f"<3I{count}I", -(-4 * len(self.small_chains) // SECTOR), END, 0, *tables)
        return header.ljust(SECTOR, b"\xff") + b"".join(self.sectors) + packed

    def _add_children(self, tree: Tree) -> int:
        """Add the members of a storage, each the right neighbour of the one before; return the first one's number."""
        first = previous = NONE
        for name, content in tree.items():
            number = len(self.entries)
            self.entries.append([name, STREAM, NONE, NONE, END, 0])
            if isinstance(content, bytes):
                self.entries[number][4:] = [self._add_stream(content, may_be_small=True), len(content)]
            else:
                self.entries[number][1] = STORAGE
                self.entries[number][3] = self._add_children(content)
            if previous == NONE:
                first = number
            else:
                self.entries[previous][2] = number
            previous = number
        return first

    def _add_stream(self, content: bytes, *, may_be_small: bool = False) -> int:
        """Add a stream as a chain of sectors, and return the first one's number."""
        if not content:
            return END
        if may_be_small and len(content) < MINI_LIMIT:
            first, count = len(self.small_chains), -(-len(content) // MINI_SECTOR)
            self.small += content.ljust(count * MINI_SECTOR, b"\0")
            self.small_chains += [*range(first + 1, first + count), END]
            return first
        first, count = len(self.chains), -(-len(content) // SECTOR)
        self.sectors.append(content.ljust(count * SECTOR, b"\0"))
        self.chains += [*range(first + 1, first + count), END]
        return first

    def _pack_entry(self, name: str, kind: int, right: int, child: int, start: int, size: int) -> bytes:
        encoded = name.encode("utf-16-le").ljust(64, b"\0")
        links = struct.pack("<HBBIII", 2 * len(name) + 2, kind, 1, NONE, right, child)
        return encoded + links + bytes(36) + struct.pack("<IQ", start, size)


def compound_file(tree: Tree) -> bytes:
    """Return a compound file with these streams (bytes) and storages."""
    return CompoundFile(tree).to_bytes()


def text(number: int, value: str) -> dict[str, bytes]:
    """Return the stream of a text property."""
    return {f"__substg1.0_{number:04X}001F": value.encode("utf-16-le")}


def fixed(header_size: int, **values: int) -> dict[str, bytes]:
    """Return the stream of the fixed properties; the keys are `n` and number and type of each in hexadecimal."""
    entries = (struct.pack("<HHIQ", int(key[5:], 16), int(key[1:5], 16), 6, value) for key, value in values.items())
    return {"__properties_version1.0": bytes(header_size) + b"".join(entries)}


def filetime(moment: datetime) -> int:
    """Return a time in units of 100 nanoseconds since 1601."""
    return int(moment.timestamp() * 10_000_000) + 116_444_736_000_000_000


def outlook_message(*parts: Tree, **values: int) -> bytes:
    """Return an MSG with these properties and storages, and these fixed properties."""
    tree: dict[str, bytes | Tree] = {}
    for part in parts:
        tree |= part
    return compound_file(tree | fixed(32, **values))


def recipient(number: int, name: str, address: str, kind: int = 1) -> Tree:
    """Return the storage of a recipient: 1 To, 2 Cc, 3 Bcc."""
    return {
        f"__recip_version1.0_#{number:08X}": text(0x3001, name) | text(0x39FE, address) | fixed(8, n0C150003=kind)
    }


def attached(number: int, name: str) -> Tree:
    """Return the storage of an attachment."""
    return {f"__attach_version1.0_#{number:08X}": text(0x3707, name) | {"__substg1.0_37010102": b"content" * 2_000}}
