#!/usr/bin/env python3
"""Verify the exported ledger that this script is part of.

    python3 verify.py [FOLDER or ZIP] [--keys FOLDER] [--fingerprint DIGITS] [--checkpoints FILE]

It works offline, and needs Python 3.11 or newer and the package `cryptography`. Exit code 0: every check passed; 1: a
check failed, and the first fault is printed; 2: the export, or part of it, could not be checked. See README.txt.
"""

import argparse
import hashlib
import json
import re
import struct
import sys
import unicodedata
import zipfile
import zlib
from base64 import b64decode, urlsafe_b64decode
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:
    Ed25519PublicKey = None  # type: ignore[assignment,misc]  # the script says at the end that signatures were not checked

Event = Mapping[str, Any]
Members = Mapping[str, Callable[[], bytes]]
CODE_FORMAT = struct.Struct(">B16sH32sQ32s8s")
"""A form's code: version, number, round, snapshot hash, ledger size, last hash, key name."""
CHECKPOINT_HASH_DOMAIN = b"tracker.checkpoint_hash.v1\0"
PUBLIC_KEY_PREFIX = bytes.fromhex("302a300506032b6570032100")
"""The bytes before an Ed25519 public key in DER."""
READ_ERRORS = (ValueError, LookupError, TypeError, AttributeError, RecursionError, struct.error, OSError, zlib.error)


class VerificationError(Exception):
    """A fault in the exported ledger, described in a sentence."""


def require(condition: object, sentence: str) -> None:
    """Raise `VerificationError` with the sentence unless the condition is true."""
    if not condition:
        raise VerificationError(sentence)


@contextmanager
def report_unreadable(name: str) -> Iterator[None]:
    """Raise `VerificationError` with this name if the content read inside the block is malformed or missing."""
    try:
        yield
    except (*READ_ERRORS, zipfile.BadZipFile) as error:
        raise VerificationError(f"{name} cannot be read") from error


def sha256(content: bytes) -> str:
    """Return the SHA-256 of bytes in hex."""
    return hashlib.sha256(content).hexdigest()


def canonical_json(value: Any) -> bytes:
    """Return the canonical JSON of a value: the bytes that are hashed and signed."""
    return json.dumps(normalise(value), sort_keys=True, ensure_ascii=True, separators=(",", ":")).encode()


def normalise(value: Any) -> Any:
    """Return a value with every text in Unicode form NFC."""
    if isinstance(value, dict):
        return {normalise(key): normalise(each) for key, each in value.items()}
    if isinstance(value, list):
        return [normalise(each) for each in value]
    return unicodedata.normalize("NFC", value) if isinstance(value, str) else value


def parse_exact_integer(digits: str) -> int:
    """Return an integer; raise ValueError for a fraction, or from 2^53, where JavaScript's numbers are not exact."""
    if abs(number := int(digits)) >= 2**53:
        raise ValueError(digits)
    return number


def parse_json(text: bytes) -> Any:
    """Return the value of ASCII JSON; raise ValueError for floats."""
    return json.loads(
        text.decode("ascii"),
        parse_int=parse_exact_integer,
        parse_float=parse_exact_integer,
        parse_constant=parse_exact_integer,
    )


def is_signed(public: bytes, signature: str, body: bytes) -> bool:
    """Return whether a public key signed the bytes; True where no library to check it is installed."""
    if Ed25519PublicKey is None:
        return True
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(bytes.fromhex(signature), body)
    except (InvalidSignature, ValueError):
        return False
    return True


def open_bundle(path: Path) -> Members:
    """Return a reading function for each file of the folder or ZIP, by name; hidden files are left out."""
    if path.is_dir():
        readers = {each.relative_to(path).as_posix(): each.read_bytes for each in path.rglob("*") if each.is_file()}
    else:
        archive = zipfile.ZipFile(path)
        names = archive.namelist()
        require(len(names) == len(set(names)), "the ZIP has two files of the same name")
        readers = {name: partial(archive.read, name) for name in names if not name.endswith("/")}
    return {name: readers[name] for name in sorted(readers) if not name.rpartition("/")[2].startswith(".")}


def read_member(members: Members, name: str) -> bytes:
    """Return the bytes of a file of the export; raise `VerificationError` if it is missing."""
    require(name in members, f"{name} is missing")
    with report_unreadable(name):
        return members[name]()


def read_ledger(members: Members) -> tuple[list[Event], list[str]]:
    """Return the events and their hashes, after checking their numbers, canonical form and chain of hashes."""
    events: list[Event] = []
    hashes = ["0" * 64]
    for number, body in enumerate(read_member(members, "ledger.jsonl").split(b"\n")[:-1], 1):
        with report_unreadable(f"event {number}"):
            event = parse_json(body)
            require(canonical_json(event) == body, f"event {number} is not written canonically")
            require(event["seq"] == number, f"event {number} is missing: event {event['seq']} is in its place")
            require(
                event["prev"] == hashes[-1], f"event {number} does not follow from the one before: one was changed"
            )
        events.append(event)
        hashes.append(sha256(b"tracker.event.v1\0" + body))
    return events, hashes[1:]


def parse_public_key(pem: bytes) -> bytes:
    """Return the 32 bytes of a public key in PEM."""
    public = b64decode(pem.split(b"-----")[2]).removeprefix(PUBLIC_KEY_PREFIX)
    require(len(public) == 32, "a public key does not have 32 bytes")
    return public


def fingerprint(text: str) -> str:
    """Return a fingerprint as 64 lower-case digits; raise ValueError for any other text."""
    digits = re.sub(r"[\s:]", "", text).lower()
    if not re.fullmatch(r"[0-9a-f]{64}", digits):
        raise ValueError(text)
    return digits


def read_own_keys(folder: Path) -> set[str]:
    """Return the fingerprints of the public keys in a folder of the reader's own."""
    fingerprints = set()
    for path in sorted(folder.glob("*.pub")):
        with report_unreadable(f"your own key {path.name}"):
            fingerprints.add(sha256(parse_public_key(path.read_bytes())))
    if not fingerprints:
        raise FileNotFoundError(f"there is no file NAME.pub in {folder}")
    return fingerprints


def read_keys(members: Members, events: list[Event], trusted: set[str]) -> dict[str, bytes]:
    """Return the public keys by name, after checking that each signed its event and the key before it did too.

    Where the reader trusts keys already, the first key must be one of them: the others follow from it.
    """
    keys: dict[str, bytes] = {}
    for data in (event["data"] for event in events if event["act"] == "key_made"):
        name, last = data["key"], next(reversed(keys), None)
        with report_unreadable(f"keys/{name}.pub"):
            public = parse_public_key(read_member(members, f"keys/{name}.pub"))
        require(sha256(public)[:16] == name, f"keys/{name}.pub is not the key of that name")
        certificate = sha256(read_member(members, f"keys/{name}.seal.crt"))
        statement = {"key": name, "public": public.hex(), "certificate": certificate, "follows": last}
        body = b"tracker.key.v1\0" + canonical_json(statement)
        require(is_signed(public, data["signed"], body), f"key {name} did not sign for itself and its certificate")
        require(
            not last or is_signed(keys[last], data["vouched"], body),
            f"key {name} was not vouched for by {last}, which it follows",
        )
        require(last or not trusted or sha256(public) in trusted, f"key {name} is not one of the keys you trust")
        keys[name] = public
    return keys


def list_accepted_losses(events: list[Event], keys: dict[str, bytes]) -> Iterator[tuple[int, int, str]]:
    """Yield for each accepted restore the last event kept, the last event lost, and when it was accepted."""
    for event in events:
        if event["act"] == "restore_accepted":
            data = event["data"]
            names = ("size", "head", "checkpoint_size", "accepted_at")  # earlier releases did not sign the last
            body = b"tracker.restore.v1\0" + canonical_json({name: data[name] for name in names if name in data})
            is_in_place = (event["seq"] - 1, event["prev"]) == (data["size"], data["head"])
            if is_in_place and data["key"] in keys and is_signed(keys[data["key"]], data["signed"], body):
                yield data["size"], data["checkpoint_size"], data.get("accepted_at", event["at"])


def check_checkpoints(name: str, text: bytes, events: list[Event], hashes: list[str], keys: dict[str, bytes]) -> int:
    """Check the ledger against every checkpoint line. Return the size that the last one covers."""
    losses = list(list_accepted_losses(events, keys))
    last_size = 1
    for number, line in enumerate(text.splitlines(), 1):
        description = f"{name}: checkpoint {number}"
        with report_unreadable(description):
            checkpoint = parse_json(line)
            signature, size, key = checkpoint.pop("signature"), checkpoint["size"], checkpoint["key"]
            body = b"tracker.checkpoint.v%d\0" % checkpoint["v"] + canonical_json(checkpoint)
            if any(start < size <= end and checkpoint["at"] <= at for start, end, at in losses):
                continue
            require(key in keys, f"{description} is signed with key {key}, which is not of this record")
            require(is_signed(keys[key], signature, body), f"{description} was changed: its signature is not valid")
            require(size <= len(hashes), f"{description} records {size} events, but the ledger has {len(hashes)}")
            require(
                size >= last_size and hashes[size - 1] == checkpoint["head"],
                f"{description} has another hash of event {size} than the ledger",
            )
        last_size = size
    return last_size


def read_checkpoint_hashes(name: str, text: bytes) -> dict[int, str]:
    """Return the hash of each checkpoint that has a number, by number; those of earlier releases have none."""
    hashes = {}
    for line in text.splitlines():
        with report_unreadable(name):
            checkpoint = parse_json(line)
            if "number" in checkpoint:
                hashes[int(checkpoint["number"])] = sha256(CHECKPOINT_HASH_DOMAIN + canonical_json(checkpoint))
    return hashes


def check_checkpoint_numbers(text: bytes) -> None:
    """Check that the checkpoints of the export have every number, and that each names the one before it."""
    previous, is_numbered = "0" * 64, False
    for number, line in enumerate(text.splitlines(), 1):
        with report_unreadable("checkpoints.jsonl"):
            checkpoint = parse_json(line)
            if "number" in checkpoint:
                is_expected = checkpoint["number"] == number and checkpoint["previous"] == previous
                require(is_expected, f"checkpoints.jsonl: checkpoint {number} is missing or does not follow")
            is_numbered = is_numbered or "number" in checkpoint
            require(is_numbered == ("number" in checkpoint), f"checkpoints.jsonl: checkpoint {number} has no number")
            previous = sha256(CHECKPOINT_HASH_DOMAIN + canonical_json(checkpoint))


def check_forms(
    members: Members, events: list[Event], hashes: list[str], keys: dict[str, bytes], centre: int | None
) -> str:
    """Check every form in the ledger that belongs to the bundle's centre. Return a sentence with their number."""
    by_act: defaultdict[str, list[Event]] = defaultdict(list)
    for event in events:
        by_act[event["act"]].append(event)
    centre_of_registration = {each["object"]["id"]: each["data"]["centre"] for each in by_act["candidate_registered"]}
    centre_of_attempt = {
        each["object"]["id"]: centre_of_registration[each["data"]["registration"]]
        for each in by_act["attempt_started"]
    }
    erased = {form for each in by_act["portfolio_erased"] for form in each["data"]["forms"]}
    round_ends = {
        (each["object"]["id"], each["seq"]) for act in ("attempt_reopened", "attempt_voided") for each in by_act[act]
    }
    issued = [each for each in by_act["form_issued"] if centre in {None, centre_of_attempt[each["data"]["attempt"]]}]
    exported = {each["data"]["number"]: each for each in issued if each["object"]["id"] not in erased}
    for number, event in exported.items():
        check_form(members, number, event["data"], hashes, keys)
    for name in (each for each in members if each.startswith("forms/")):
        number = name.removeprefix("forms/").partition(".")[0]
        require(number in exported, f"{name} belongs to no form in the ledger")
    superseded = sum(
        any(attempt == each["data"]["attempt"] and seq > each["seq"] for attempt, seq in round_ends)
        for each in exported.values()
    )
    erased_count = len(issued) - len(exported)
    return f"{len(exported)} as issued, {superseded} of them superseded since; {erased_count} erased when due"


def check_form(
    members: Members, number: str, form: Mapping[str, Any], hashes: list[str], keys: dict[str, bytes]
) -> None:
    """Check a form's file and snapshot by hash and its code by signature; the file must contain snapshot and code."""
    name = f"forms/{number}"
    pdf, snapshot, code = (read_member(members, f"{name}.{ending}") for ending in ("pdf", "json", "code"))
    require(sha256(pdf) == form["sha256"], f"{name}.pdf is not the file that was issued")
    require(
        sha256(b"tracker.snapshot.v1\0" + snapshot) == form["snapshot"],
        f"{name}.json is not the snapshot that was signed",
    )
    with report_unreadable(f"{name}.code"):
        raw = urlsafe_b64decode(code + b"=" * (-len(code) % 4))
        _, form_number, round_number, snapshot_hash, size, head, key = CODE_FORMAT.unpack(raw[: CODE_FORMAT.size])
        fields = [form_number.hex(), round_number, snapshot_hash.hex(), size, head.hex(), key.hex()]
        body, signature = b"tracker.form.v1\0" + raw[: CODE_FORMAT.size], raw[CODE_FORMAT.size :].hex()
    expected = [form[each] for each in ("number", "round", "snapshot", "size", "head", "key")]
    require(fields == expected, f"{name}.code is not the code of this form")
    require(form["key"] in keys and is_signed(keys[form["key"]], signature, body), f"{name}.code is not signed")
    require(0 < size <= len(hashes) and hashes[size - 1] == form["head"], f"{name}.code names another event {size}")
    streams = list(list_pdf_streams(pdf))
    for ending, content in (("json", snapshot), ("code", code)):
        require(content in streams, f"{name}.pdf does not carry {name}.{ending}")


def list_pdf_streams(pdf: bytes) -> Iterator[bytes]:
    """Yield the decompressed streams of a PDF, at most 8 MB of each."""
    for match in re.finditer(rb"stream\r?\n", pdf):
        try:
            yield zlib.decompressobj().decompress(pdf[match.end() :], 8 * 1024 * 1024)
        except zlib.error:
            continue


def check_contents(members: Members, signed_list: Any, hashes: list[str], keys: dict[str, bytes]) -> None:
    """Check every file of the export against the signed list."""
    with report_unreadable("contents.json"):
        contents = signed_list["contents"]
        files, key = contents["files"], keys.get(contents["key"], b"")
        body = b"tracker.bundle.v1\0" + canonical_json(contents)
        require(
            is_signed(key, signed_list["signature"], body), "contents.json was changed: its signature is not valid"
        )
        require(
            (contents["size"], contents["head"]) == (len(hashes), hashes[-1]),
            "contents.json belongs to another ledger",
        )
    for name in sorted({*files, *members} - {"contents.json"}):
        require(name in files, f"{name} does not belong to this export")
        require(sha256(read_member(members, name)) == files[name], f"{name} was changed after the export")


def check_bundle(members: Members, own_checkpoints: bytes | None, trusted: set[str]) -> Iterator[str]:
    """Yield a sentence for each part that passed. Raises `VerificationError` at the first fault.

    Args:
        members: the files of the export.
        own_checkpoints: checkpoints that the reader was sent, one per line.
        trusted: the fingerprints of keys that the reader trusts already.
    """
    events, hashes = read_ledger(members)
    require(events, "the ledger is empty")
    yield f"The ledger: {len(events)} events, none changed, removed or added. The last is {hashes[-1]}."
    keys = read_keys(members, events, trusted)
    fingerprints = ", ".join(sha256(each) for each in keys.values())
    yield f"The keys, each vouched for by the one before. Their fingerprints: {fingerprints}."
    if trusted:
        yield "The first key is one of the keys you trust."
    lines = read_member(members, "checkpoints.jsonl")
    covered = check_checkpoints("checkpoints.jsonl", lines, events, hashes, keys)
    require(covered == len(events), f"no checkpoint covers the last {len(events) - covered} events")
    check_checkpoint_numbers(lines)
    yield f"Checkpoints that agree with the ledger: {len(lines.splitlines())}, none missing."
    if own_checkpoints:
        check_checkpoints("your own checkpoints", own_checkpoints, events, hashes, keys)
        exported = read_checkpoint_hashes("checkpoints.jsonl", lines)
        for number, own_hash in read_checkpoint_hashes("your own checkpoints", own_checkpoints).items():
            require(
                exported.get(number) == own_hash, f"your own checkpoints: number {number} is not that of this export"
            )
        yield f"Your own checkpoints that agree with the ledger: {len(own_checkpoints.splitlines())}."
    with report_unreadable("contents.json"):
        signed_list = parse_json(read_member(members, "contents.json"))
        centre = signed_list["contents"]["centre"]
    scope = "every centre" if centre is None else f"centre {centre}"
    yield f"Forms of {scope}: {check_forms(members, events, hashes, keys, centre)}."
    check_contents(members, signed_list, hashes, keys)
    yield "Every file is unchanged since the export."


def main() -> int:
    """Verify the export and return the exit code: 0 passed, 1 failed, 2 not checked or not all of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", nargs="?", type=Path, default=Path(__file__).resolve().parent)
    parser.add_argument("--keys", type=Path, help="a folder with public keys (NAME.pub) that you trust")
    parser.add_argument(
        "--fingerprint",
        type=fingerprint,
        action="append",
        default=[],
        help="of a key that you trust; may be repeated",
    )
    parser.add_argument("--checkpoints", type=Path, help="a file of checkpoints that you were sent, one per line")
    arguments = parser.parse_args()
    try:
        members = open_bundle(arguments.bundle)
        own_checkpoints = arguments.checkpoints.read_bytes() if arguments.checkpoints else None
        if "ledger.jsonl" not in members:
            raise FileNotFoundError(f"{arguments.bundle} contains no exported ledger")
        trusted = {*arguments.fingerprint, *(read_own_keys(arguments.keys) if arguments.keys else ())}
        with report_unreadable("a part of the record"):
            for sentence in check_bundle(members, own_checkpoints, trusted):
                print(f"✓ {sentence}")
    except VerificationError as error:
        print("✗ " + "".join(character if character.isprintable() else "?" for character in str(error)))
        return 1
    except (OSError, zipfile.BadZipFile) as error:
        print(f"The export could not be checked: {error}", file=sys.stderr)
        return 2
    if Ed25519PublicKey is None:
        print("NOT checked: whether the signatures on keys, checkpoints, codes and the list of files are genuine.")
        print("The package cryptography is not installed. Install it (pip install cryptography) and run this again.")
        return 2
    if not trusted:
        print("Not checked: whose keys these are. Compare the fingerprints with those the centre gave you.")
    print("Every check passed.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
