"""A set of SHA-256 hashes in little memory: 32 bytes for each."""

from collections.abc import Collection, Iterable, Iterator

LENGTH = 32
"""Bytes of a hash."""
RUN_LENGTH = 20_000
"""The number of hashes that are sorted at a time."""


class SortedHashes(Collection[str]):
    """Hashes in hex, kept as bytes in order of their values, in runs that are sorted one by one."""

    def __init__(self, hashes: Iterable[str]) -> None:
        self._runs: list[bytes] = []
        waiting: set[bytes] = set()
        for each in hashes:
            waiting.add(bytes.fromhex(each))
            if len(waiting) == RUN_LENGTH:
                self._runs.append(b"".join(sorted(waiting)))
                waiting.clear()
        self._runs.append(b"".join(sorted(waiting)))

    def __contains__(self, value: object) -> bool:
        wanted = bytes.fromhex(str(value))
        return any(_is_in_run(run, wanted) for run in self._runs)

    def __iter__(self) -> Iterator[str]:
        for run in self._runs:
            yield from (run[start : start + LENGTH].hex() for start in range(0, len(run), LENGTH))

    def __len__(self) -> int:
        return sum(len(run) // LENGTH for run in self._runs)


def _is_in_run(run: bytes, wanted: bytes) -> bool:
    low, high = 0, len(run) // LENGTH
    while low < high:
        middle = (low + high) // 2
        if run[middle * LENGTH : (middle + 1) * LENGTH] < wanted:
            low = middle + 1
        else:
            high = middle
    return run[low * LENGTH : (low + 1) * LENGTH] == wanted
