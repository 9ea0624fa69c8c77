#!/usr/bin/env python3
"""Check the record that this script came with.

    python3 verify.py [FOLDER or ZIP] [--checkpoints FILE]

It asks nobody, and needs Python 3.11 or newer and the package `cryptography`. Exit 0: whole; 1: something is wrong,
and the first thing that is gets named; 2: it could not be checked, or not all of it. README.txt says more.
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
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:
    Ed25519PublicKey = None  # type: ignore[assignment,misc]  # which is said at the end

Event = Mapping[str, Any]
Members = Mapping[str, Callable[[], bytes]]
CODE = struct.Struct(">B16sH32sQ32s8s")
BEFORE_A_KEY = bytes.fromhex("302a300506032b6570032100")
UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, RecursionError, struct.error, OSError, zlib.error)


class Wrong(Exception):
    """What is wrong, as a sentence."""


def need(holds: object, sentence: str) -> None:
    """Raise `Wrong` with the sentence unless the condition holds."""
    if not holds:
        raise Wrong(sentence)


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Turn an error of reading into `Wrong`, naming what was read."""
    try:
        yield
    except (*UNREADABLE, zipfile.BadZipFile) as error:
        raise Wrong(f"{what} cannot be read") from error


def sha256(content: bytes) -> str:
    """Return the SHA-256 of bytes in hex."""
    return hashlib.sha256(content).hexdigest()


def canonical(value: Any) -> bytes:
    """Return the canonical JSON of a value, which is what is hashed and signed."""
    return json.dumps(normal(value), sort_keys=True, ensure_ascii=True, separators=(",", ":")).encode()


def normal(value: Any) -> Any:
    """Return a value with every text in Unicode form NFC."""
    if isinstance(value, dict):
        return {normal(key): normal(each) for key, each in value.items()}
    if isinstance(value, list):
        return [normal(each) for each in value]
    return unicodedata.normalize("NFC", value) if isinstance(value, str) else value


def exact(digits: str) -> int:
    """Raise ValueError for a fraction, and for an integer too large to be exact in every language."""
    if abs(number := int(digits)) >= 2**53:
        raise ValueError(digits)
    return number


def parse(text: bytes) -> Any:
    """Return what JSON bytes hold, without floats."""
    return json.loads(text.decode("ascii"), parse_int=exact, parse_float=exact, parse_constant=exact)


def is_signed(public: bytes, signature: str, body: bytes) -> bool:
    """Return whether a public key signed the bytes; True where no library to check it is installed."""
    if Ed25519PublicKey is None:
        return True
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(bytes.fromhex(signature), body)
    except (InvalidSignature, ValueError):
        return False
    return True


def open_bundle(where: Path) -> Members:
    """Return the members of the bundle by name, without hidden files, which file managers add."""
    if where.is_dir():
        found = {each.relative_to(where).as_posix(): each.read_bytes for each in where.rglob("*") if each.is_file()}
    else:
        archive = zipfile.ZipFile(where)
        names = archive.namelist()
        need(len(names) == len(set(names)), "the ZIP has two files of the same name")
        found = {name: partial(archive.read, name) for name in names if not name.endswith("/")}
    return {name: found[name] for name in sorted(found) if not name.rpartition("/")[2].startswith(".")}


def read(members: Members, name: str) -> bytes:
    """Return the bytes of a member of the bundle."""
    need(name in members, f"{name} is missing")
    with reading(name):
        return members[name]()


def read_ledger(members: Members) -> tuple[list[Event], list[str]]:
    """Return every event and its hash, once numbers, canonical form and the chain of hashes are checked."""
    events: list[Event] = []
    hashes = ["0" * 64]
    for number, body in enumerate(read(members, "ledger.jsonl").split(b"\n")[:-1], 1):
        with reading(f"event {number}"):
            said = parse(body)
            need(canonical(said) == body, f"event {number} is not written canonically")
            need(said["seq"] == number, f"event {number} is missing: event {said['seq']} is in its place")
            need(said["prev"] == hashes[-1], f"event {number} does not follow from the one before: one was changed")
        events.append(said)
        hashes.append(sha256(b"tracker.event.v1\0" + body))
    return events, hashes[1:]


def read_keys(members: Members, events: list[Event]) -> dict[str, bytes]:
    """Return the public keys by name; each is signed by itself and by the key before it, in its event."""
    keys: dict[str, bytes] = {}
    for told in (event["data"] for event in events if event["act"] == "key_made"):
        name, last = told["key"], next(reversed(keys), None)
        with reading(f"keys/{name}.pub"):
            public = b64decode(read(members, f"keys/{name}.pub").split(b"-----")[2]).removeprefix(BEFORE_A_KEY)
        need(sha256(public)[:16] == name and len(public) == 32, f"keys/{name}.pub is not the key of that name")
        certificate = sha256(read(members, f"keys/{name}.seal.crt"))
        said = {"key": name, "public": public.hex(), "certificate": certificate, "follows": last}
        body = b"tracker.key.v1\0" + canonical(said)
        need(is_signed(public, told["signed"], body), f"key {name} did not sign for itself and its certificate")
        need(
            not last or is_signed(keys[last], told["vouched"], body),
            f"key {name} was not vouched for by {last}, which it follows",
        )
        keys[name] = public
    return keys


def lost_by_restores(events: list[Event], keys: dict[str, bytes]) -> Iterator[tuple[int, int, str]]:
    """Return the first and last number of events whose loss by a restore was accepted, and when it was."""
    for event in events:
        if event["act"] == "restore_accepted":
            told = event["data"]
            body = b"tracker.restore.v1\0" + canonical({name: told[name] for name in ("size", "head", "told_to")})
            if told["key"] in keys and is_signed(keys[told["key"]], told["signed"], body):
                yield told["size"], told["told_to"], event["at"]


def check_checkpoints(name: str, text: bytes, events: list[Event], hashes: list[str], keys: dict[str, bytes]) -> int:
    """Check the ledger against every checkpoint line. Return the size that the last one covers."""
    lost = list(lost_by_restores(events, keys))
    reached = 1
    for number, line in enumerate(text.splitlines(), 1):
        where = f"{name}: checkpoint {number}"
        with reading(where):
            said = parse(line)
            signature, size, key = said.pop("signature"), said["size"], said["key"]
            body = b"tracker.checkpoint.v1\0" + canonical(said)
            if any(start < size <= end and said["at"] <= at for start, end, at in lost):
                continue
            need(key in keys, f"{where} is signed with key {key}, which is not of this record")
            need(is_signed(keys[key], signature, body), f"{where} was changed: its signature is not valid")
            need(size <= len(hashes), f"{where} records {size} events, but the ledger has {len(hashes)}")
            need(
                size >= reached and hashes[size - 1] == said["head"],
                f"{where} has another hash of event {size} than the ledger",
            )
        reached = size
    return reached


def check_forms(
    members: Members, events: list[Event], hashes: list[str], keys: dict[str, bytes], centre: int | None
) -> str:
    """Check every form in the ledger that belongs to the bundle's centre. Return a sentence with their number."""
    told: dict[str, list[Event]] = {}
    for event in events:
        told.setdefault(event["act"], []).append(event)
    centres = {each["object"]["id"]: each["data"]["centre"] for each in told.get("candidate_registered", ())}
    whose = {each["object"]["id"]: centres[each["data"]["registration"]] for each in told.get("attempt_started", ())}
    erased = {form for each in told.get("portfolio_erased", ()) for form in each["data"]["forms"]}
    ends = (*told.get("attempt_reopened", ()), *told.get("attempt_voided", ()))
    ended = {(each["object"]["id"], each["seq"]) for each in ends}
    issued = [each for each in told.get("form_issued", ()) if centre in {None, whose[each["data"]["attempt"]]}]
    here = {each["data"]["number"]: each for each in issued if each["object"]["id"] not in erased}
    for number, event in here.items():
        check_form(members, number, event["data"], hashes, keys)
    for name in (each for each in members if each.startswith("forms/")):
        number = name.removeprefix("forms/").partition(".")[0]
        need(number in here, f"{name} belongs to no form in the ledger")
    old = sum(
        any(attempt == each["data"]["attempt"] and seq > each["seq"] for attempt, seq in ended)
        for each in here.values()
    )
    return f"{len(here)} as issued, {old} of them superseded since; {len(issued) - len(here)} erased when due"


def check_form(
    members: Members, number: str, form: Mapping[str, Any], hashes: list[str], keys: dict[str, bytes]
) -> None:
    """Check a form: file and snapshot by their hashes, code by its signature, both also inside the file."""
    name = f"forms/{number}"
    pdf, snapshot, code = (read(members, f"{name}.{ending}") for ending in ("pdf", "json", "code"))
    need(sha256(pdf) == form["sha256"], f"{name}.pdf is not the file that was issued")
    signed = sha256(b"tracker.snapshot.v1\0" + snapshot)
    need(signed == form["snapshot"], f"{name}.json is not the snapshot that was signed")
    with reading(f"{name}.code"):
        raw = urlsafe_b64decode(code + b"=" * (-len(code) % 4))
        _, printed, part, signed_, size, head, key = CODE.unpack(raw[: CODE.size])
        said = [printed.hex(), part, signed_.hex(), size, head.hex(), key.hex()]
        body, signature = b"tracker.form.v1\0" + raw[: CODE.size], raw[CODE.size :].hex()
    pinned = [form[each] for each in ("number", "round", "snapshot", "size", "head", "key")]
    need(said == pinned, f"{name}.code is not the code of this form")
    need(form["key"] in keys and is_signed(keys[form["key"]], signature, body), f"{name}.code is not signed")
    need(0 < size <= len(hashes) and hashes[size - 1] == form["head"], f"{name}.code names another event {size}")
    inside = list(streams(pdf))
    for ending, content in (("json", snapshot), ("code", code)):
        need(content in inside, f"{name}.pdf does not carry {name}.{ending}")


def streams(pdf: bytes) -> Iterator[bytes]:
    """Yield the streams of a PDF that zlib can unpack."""
    for found in re.finditer(rb"stream\r?\n", pdf):
        try:
            yield zlib.decompressobj().decompress(pdf[found.end() :], 8 * 1024 * 1024)
        except zlib.error:
            continue


def check_contents(members: Members, listed: Any, hashes: list[str], keys: dict[str, bytes]) -> None:
    """Check every file of the bundle against the signed list."""
    with reading("contents.json"):
        said = listed["contents"]
        files, key = said["files"], keys.get(said["key"], b"")
        body = b"tracker.bundle.v1\0" + canonical(said)
        need(is_signed(key, listed["signature"], body), "contents.json was changed: its signature is not valid")
        need((said["size"], said["head"]) == (len(hashes), hashes[-1]), "contents.json belongs to another ledger")
    for name in sorted({*files, *members} - {"contents.json"}):
        need(name in files, f"{name} does not belong to this export")
        need(sha256(read(members, name)) == files[name], f"{name} was changed after the export")


def check(members: Members, held: bytes | None) -> Iterator[str]:
    """Yield a sentence for each part that passed. Raises `Wrong` at the first fault."""
    events, hashes = read_ledger(members)
    need(events, "the ledger is empty")
    yield f"The ledger: {len(events)} events, none changed, removed or added. The last is {hashes[-1]}."
    keys = read_keys(members, events)
    yield f"The keys, each vouched for by the one before: {', '.join(keys)}. Compare them with those you know."
    lines = read(members, "checkpoints.jsonl")
    reached = check_checkpoints("checkpoints.jsonl", lines, events, hashes, keys)
    need(reached == len(events), f"no checkpoint covers the last {len(events) - reached} events")
    yield f"Checkpoints that agree with the ledger: {len(lines.splitlines())}."
    if held:
        check_checkpoints("your own checkpoints", held, events, hashes, keys)
        yield f"Your own checkpoints that agree with the ledger: {len(held.splitlines())}."
    with reading("contents.json"):
        listed = parse(read(members, "contents.json"))
        centre = listed["contents"]["centre"]
    whose = "every centre" if centre is None else f"centre {centre}"
    yield f"Forms of {whose}: {check_forms(members, events, hashes, keys, centre)}."
    check_contents(members, listed, hashes, keys)
    yield "Every file is unchanged since the export."


def main() -> int:
    """Check the bundle and return the exit code: 0 passed, 1 failed."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("bundle", nargs="?", type=Path, default=Path(__file__).resolve().parent)
    asked.add_argument("--checkpoints", type=Path, help="a file of checkpoints that you were sent, one per line")
    given = asked.parse_args()
    try:
        members, held = open_bundle(given.bundle), given.checkpoints.read_bytes() if given.checkpoints else None
        if "ledger.jsonl" not in members:
            raise FileNotFoundError(f"{given.bundle} contains no exported ledger")
        with reading("a part of the record"):
            for sentence in check(members, held):
                print(f"✓ {sentence}")
    except Wrong as wrong:
        print("✗ " + "".join(sign if sign.isprintable() else "?" for sign in str(wrong)))
        return 1
    except (OSError, zipfile.BadZipFile) as error:
        print(f"The export could not be checked: {error}", file=sys.stderr)
        return 2
    if Ed25519PublicKey is None:
        print("NOT checked: whether the signatures on keys, checkpoints, codes and the list of files are genuine.")
        print("The package cryptography is not installed. Install it (pip install cryptography) and run this again.")
        return 2
    print("Every check passed.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
