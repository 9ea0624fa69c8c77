"""Reads the standards folder: YAML in, documents or one-line faults out. No Flask, no database."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml
from marshmallow import ValidationError

from tracker.errors import NotFound
from tracker.units.documents import GuidanceDocument, LinkedLabels, LinksDocument, UnitDocument
from tracker.units.qualification_documents import QualificationDocument
from tracker.units.qualification_schema import QualificationSchema
from tracker.units.schema import GuidanceSchema, LinksSchema, UnitSchema

FOLDER = Path(__file__).resolve().parent.parent.parent / "standards"
MAX_SIZE = 2 * 1024 * 1024
MAX_DEPTH = 100
"""Lists and keys within each other; a unit as people write it has ten."""
OPTIONAL = ("links", "qualifications")


class _Loader(yaml.CBaseLoader):
    """Every scalar stays text; a key written twice is refused."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise Fault(key_node.start_mark.line + 1, "a key must be a word")
            if key in seen:
                raise Fault(key_node.start_mark.line + 1, f"key {key}: stands twice; keep one of them")
            seen.add(key)
        return dict(super().construct_mapping(node, deep=deep))


class Fault(Exception):
    """What is wrong with a file, and on which line."""

    def __init__(self, line: int, sentence: str) -> None:
        super().__init__(f"line {line}: {sentence}")


@dataclass(frozen=True)
class Library:
    """What the standards folder holds, and every fault found in it, one line each."""

    units: tuple[UnitDocument, ...]
    guidance: tuple[GuidanceDocument, ...]
    faults: tuple[str, ...]
    links: tuple[LinksDocument, ...] = ()
    qualifications: tuple[QualificationDocument, ...] = ()

    def find_unit(self, code: str, version: str | None = None) -> UnitDocument:
        """The unit of any of its codes, case, spaces and slashes aside; the newest unless a version is named.

        Raises `NotFound` with the codes there are.
        """
        wanted = squashed(code)
        for names_of in (_codes_of, _slugs_of, _identifiers_of):  # a unit's own code before another's old one
            found = [
                unit
                for unit in self.units
                if wanted in map(squashed, names_of(unit)) and version in {None, unit.version}
            ]
            if found:
                return max(found, key=lambda unit: unit.version_order)
        known = ", ".join(sorted({unit.code for unit in self.units})) or "none"
        which = f"{code} in version {version}" if version else code
        raise NotFound(f"There is no unit {which}. There are: {known}.")


def _codes_of(unit: UnitDocument) -> tuple[str, ...]:
    return (unit.code,)


def _slugs_of(unit: UnitDocument) -> tuple[str, ...]:
    return (unit.slug,)


def _identifiers_of(unit: UnitDocument) -> tuple[str, ...]:
    return tuple(each.value for each in unit.identifiers)


def squashed(code: str) -> str:
    """A code as people type it: case, spaces, slashes and hyphens do not count."""
    return "".join(character for character in code.casefold() if character.isalnum() or character == "&")


def read_library(folder: Path | None = None) -> Library:
    """Every file of the standards folder. A faulty file is left out and its faults are told."""
    folder = folder or FOLDER
    units, unit_faults = _read_all(folder / "units", UnitSchema())
    guidance, guidance_faults = _read_all(folder / "guidance", GuidanceSchema())
    links, link_faults = _read_all(folder / "links", LinksSchema())
    qualifications, qualification_faults = _read_all(folder / "qualifications", QualificationSchema())
    faults = [*_strays(folder), *unit_faults, *guidance_faults, *link_faults, *_clashes(units, guidance)]
    faults += _same("units: are", links, lambda each: frozenset(each.units))
    faults += [*qualification_faults, *_same("slug: is", qualifications, lambda each: each.slug)]
    faults += _same("code, version and revision: are", qualifications, lambda each: each.key)
    if not unit_faults:  # else the unit may be in the file that could not be read
        faults += _unknown_units(units, guidance)
        links, unknown = _resolve(links, units)
        faults += unknown
    return Library(tuple(units), tuple(guidance), tuple(faults), tuple(links), tuple(qualifications))


def read_text(text: str, schema: Any) -> Any:
    """One file's text as its document; raises `ValidationError`, or a fault with its line."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CBaseLoader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent):
            raise Fault(line, f"*{event.anchor}: references are not read; write the text out again")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:  # the loader below would run out of stack, and take the process with it
            raise Fault(line, "is nested too deeply; write it flatter")
    return schema.load(yaml.load(text, Loader=_Loader))  # noqa: S506 - CBaseLoader makes text and nothing else


def _strays(folder: Path) -> Iterator[str]:
    """Files that nobody would read, and that somebody may think are in use."""
    for name in ("units", "guidance", *(name for name in OPTIONAL if (folder / name).is_dir())):
        if not (folder / name).is_dir():
            yield f"{folder.name}/{name}: there is no such folder; name the one that holds units/ and guidance/"
            continue
        for path in sorted((folder / name).iterdir()):
            if not path.name.startswith(".") and path not in _yaml_files(folder / name):
                yield f"{path.name}: is not read; give it a name that ends in .yaml, or move it out of {name}/"
    for path in _yaml_files(folder):
        yield f"{path.name}: is not read here; move it to units/ or guidance/"


def _yaml_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.y*ml") if path.is_file() and path.suffix in {".yaml", ".yml"})


def _read_all(folder: Path, schema: Any) -> tuple[list[Any], list[str]]:
    documents, faults = [], []
    for path in _yaml_files(folder):
        try:
            documents.append(replace(read_text(_text_of(path), schema), file_name=path.name))
        except Fault as fault:
            faults.append(f"{path.name}: {fault}")
        except yaml.YAMLError as error:
            faults.append(f"{path.name}: {yaml_fault(error)}")
        except ValidationError as error:
            faults.extend(f"{path.name}: {line}" for line in fault_lines(error.messages))
        except (OSError, UnicodeDecodeError) as error:
            faults.append(f"{path.name}: cannot be read ({type(error).__name__}); save it as UTF-8 text")
        except RecursionError:
            faults.append(f"{path.name}: is nested too deeply; write it flatter")
    return documents, faults


def _text_of(path: Path) -> str:
    if path.stat().st_size > MAX_SIZE:
        raise Fault(1, "the file is larger than 2 MB; split it")
    return path.read_text(encoding="utf-8-sig")


def yaml_fault(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or "is not YAML"
    return f"line {mark.line + 1}: {problem}; mind the indents and the quotes" if mark else str(problem)


def fault_lines(messages: Any, path: str = "") -> Iterator[str]:
    """Marshmallow's nested messages, one line a fault: `performance 1 items 3 label: is empty …`."""
    if isinstance(messages, Mapping):
        for key, inner in messages.items():
            step = str(key + 1) if isinstance(key, int) else ("" if key == "_schema" else str(key))
            yield from fault_lines(inner, f"{path} {step}".strip())
        return
    for sentence in messages if isinstance(messages, list) else [messages]:
        said = "is missing: add it" if "Missing data" in sentence else sentence
        said = "is empty: write the text, or take the key out" if "may not be null" in said else said
        said = "write keys and values here" if said == "Invalid input type." else said
        said = "is not a key of this format: take it out or mend its spelling" if said == "Unknown field." else said
        yield f"{path or 'the file'}: {said}"


def _clashes(units: Sequence[UnitDocument], guidance: Sequence[GuidanceDocument]) -> Iterator[str]:
    """What each file may say alone, but not beside the others."""
    yield from _same("code, version and revision: are", units, lambda unit: unit.key)
    yield from _same("slug: is", units, lambda unit: unit.slug)
    yield from _same("slug: is", guidance, lambda each: each.slug)
    for each in guidance:
        codes = [attached.code for attached in each.units]
        for code in sorted({code for code in codes if codes.count(code) > 1}):
            yield f"{each.file_name}: units {code}: stands twice; keep one of them"


def _unknown_units(units: Sequence[UnitDocument], guidance: Sequence[GuidanceDocument]) -> Iterator[str]:
    known = {unit.code for unit in units}
    for each in guidance:
        for code in sorted({attached.code for attached in each.units} - known):
            yield f"{each.file_name}: units {code}: there is no such unit; mend the code"


def _resolve(links: Sequence[LinksDocument], units: Sequence[UnitDocument]) -> tuple[list[LinksDocument], list[str]]:
    """The links with the positions that their labels stand for, and what stands for nothing."""
    by_slug = {unit.slug: unit for unit in units}
    found, faults = [], []
    for each in links:
        missing = [slug for slug in each.units if slug not in by_slug]
        faults += [f"{each.file_name}: units {slug}: there is no such slug; mend it" for slug in missing]
        if missing:
            continue
        first, second = (by_slug[slug] for slug in each.units)
        try:
            positions = tuple(
                (_position(first, pair, pair.first), _position(second, pair, pair.second)) for pair in each.same
            )
        except LookupError as fault:
            faults.append(f"{each.file_name}: {fault.args[0]}")
        else:
            found.append(replace(each, positions=positions))
    return found, faults


def _position(unit: UnitDocument, pair: LinkedLabels, label: str) -> int:
    """The one assessable statement of this kind and label; raises `LookupError` with the fault."""
    fitting = [
        each.position
        for each in unit.assessable
        if each.kind is pair.kind and label in {each.label, f"#{each.position}"}
    ]
    if len(fitting) > 1:
        choice = " or ".join(f"“#{position}”" for position in fitting)
        message = f"{pair.kind.value} {label}: stands more than once in {unit.slug}; write its position, {choice}"
        raise LookupError(message)
    if not fitting:
        message = f"{pair.kind.value} {label}: there is no such criterion in {unit.slug}; mend the label"
        raise LookupError(message)
    return fitting[0]


def _same(what: str, documents: Sequence[Any], key_of: Callable[[Any], Any]) -> Iterator[str]:
    first: dict[Any, str] = {}
    for document in documents:
        key = key_of(document)
        if key in first:
            yield f"{document.file_name}: {what} the same as in {first[key]}; change one of them"
        first.setdefault(key, document.file_name)
