"""Reader of the standards folder: YAML files to documents, or errors of one line each. No Flask, no database."""

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
"""Nesting of lists and keys. A unit written by a person has about ten levels."""
OPTIONAL_FOLDERS = ("links", "qualifications")


class _Loader(yaml.CBaseLoader):
    """YAML loader that leaves every scalar as text and refuses duplicate keys."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise StandardsFileError(key_node.start_mark.line + 1, "a key must be a word")
            if key in seen:
                raise StandardsFileError(key_node.start_mark.line + 1, f"key {key}: appears twice; keep one of them")
            seen.add(key)
        return dict(super().construct_mapping(node, deep=deep))


class StandardsFileError(Exception):
    """An error in a file, with its line number."""

    def __init__(self, line: int, sentence: str) -> None:
        super().__init__(f"line {line}: {sentence}")


@dataclass(frozen=True)
class StandardsFolder:
    """The documents of the standards folder and every fault found in it, one line each."""

    units: tuple[UnitDocument, ...]
    guidance: tuple[GuidanceDocument, ...]
    faults: tuple[str, ...]
    links: tuple[LinksDocument, ...] = ()
    qualifications: tuple[QualificationDocument, ...] = ()

    def find_unit(self, code: str, version: str | None = None) -> UnitDocument:
        """Return the unit with this code, slug or identifier, ignoring case, spaces and slashes.

        Returns the newest version unless one is named.

        Raises:
            NotFound: No unit has this code; the message lists the codes that exist.
        """
        normalised_code = normalise_code(code)
        for list_names in (
            _list_codes,
            _list_slugs,
            _list_identifiers,
        ):  # a unit's own code before another unit's identifier
            result = [
                unit
                for unit in self.units
                if normalised_code in map(normalise_code, list_names(unit)) and version in {None, unit.version}
            ]
            if result:
                return max(result, key=lambda unit: unit.version_order)
        known = ", ".join(sorted({unit.code for unit in self.units})) or "none"
        which = f"{code} in version {version}" if version else code
        raise NotFound(f"There is no unit {which}. There are: {known}.")


def _list_codes(unit: UnitDocument) -> tuple[str, ...]:
    return (unit.code,)


def _list_slugs(unit: UnitDocument) -> tuple[str, ...]:
    return (unit.slug,)


def _list_identifiers(unit: UnitDocument) -> tuple[str, ...]:
    return tuple(each.value for each in unit.identifiers)


def normalise_code(code: str) -> str:
    """Return a code without case, spaces, slashes and hyphens, so that codes can be compared as people type them."""
    return "".join(character for character in code.casefold() if character.isalnum() or character == "&")


def read_standards(folder: Path | None = None) -> StandardsFolder:
    """Read every file of the standards folder; leave out faulty files and report their faults."""
    folder = folder or FOLDER
    units, unit_faults = _read_all(folder / "units", UnitSchema())
    guidance, guidance_faults = _read_all(folder / "guidance", GuidanceSchema())
    links, link_faults = _read_all(folder / "links", LinksSchema())
    qualifications, qualification_faults = _read_all(folder / "qualifications", QualificationSchema())
    faults = [
        *_list_ignored_files(folder),
        *unit_faults,
        *guidance_faults,
        *link_faults,
        *_list_conflicts(units, guidance),
    ]
    faults += _list_duplicates("units: are", links, lambda each: frozenset(each.units))
    faults += [*qualification_faults, *_list_duplicates("slug: is", qualifications, lambda each: each.slug)]
    faults += _list_duplicates("code, version and revision: are", qualifications, lambda each: each.key)
    if not unit_faults:  # otherwise the unit may be in a file that could not be read
        faults += _list_unknown_units(units, guidance)
        links, unknown = _resolve_labels(links, units)
        faults += unknown
    return StandardsFolder(tuple(units), tuple(guidance), tuple(faults), tuple(links), tuple(qualifications))


def parse_document(text: str, schema: Any) -> Any:
    """Parse the text of one file into its document.

    Raises:
        StandardsFileError: The YAML is not acceptable; the message names the line.
        ValidationError: A key is missing, unknown or has a wrong value.
    """
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CBaseLoader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent):
            raise StandardsFileError(line, f"*{event.anchor}: references are not supported; write the text out")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:  # deeper nesting would overflow the stack of the loader below and end the process
            raise StandardsFileError(line, "is nested too deeply; use fewer levels")
    return schema.load(yaml.load(text, Loader=_Loader))  # noqa: S506 - CBaseLoader makes text and nothing else


def _list_ignored_files(folder: Path) -> Iterator[str]:
    """Yield files that are never read and that somebody may think are in use."""
    for name in ("units", "guidance", *(name for name in OPTIONAL_FOLDERS if (folder / name).is_dir())):
        if not (folder / name).is_dir():
            yield f"{folder.name}/{name}: there is no such folder; name the one that contains units/ and guidance/"
            continue
        for path in sorted((folder / name).iterdir()):
            if not path.name.startswith(".") and path not in _list_yaml_files(folder / name):
                yield f"{path.name}: is not read; give it a name that ends in .yaml, or move it out of {name}/"
    for path in _list_yaml_files(folder):
        yield f"{path.name}: is not read here; move it to units/ or guidance/"


def _list_yaml_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.y*ml") if path.is_file() and path.suffix in {".yaml", ".yml"})


def _read_all(folder: Path, schema: Any) -> tuple[list[Any], list[str]]:
    documents, faults = [], []
    for path in _list_yaml_files(folder):
        try:
            documents.append(replace(parse_document(_read_file(path), schema), file_name=path.name))
        except StandardsFileError as fault:
            faults.append(f"{path.name}: {fault}")
        except yaml.YAMLError as error:
            faults.append(f"{path.name}: {describe_yaml_error(error)}")
        except ValidationError as error:
            faults.extend(f"{path.name}: {line}" for line in format_errors(error.messages))
        except (OSError, UnicodeDecodeError) as error:
            faults.append(f"{path.name}: cannot be read ({type(error).__name__}); save it as UTF-8 text")
        except RecursionError:
            faults.append(f"{path.name}: is nested too deeply; use fewer levels")
    return documents, faults


def _read_file(path: Path) -> str:
    if path.stat().st_size > MAX_SIZE:
        raise StandardsFileError(1, "the file is larger than 2 MB; split it")
    return path.read_text(encoding="utf-8-sig")


def describe_yaml_error(error: yaml.YAMLError) -> str:
    """Return the message of a YAML error with its line."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or "is not YAML"
    return f"line {mark.line + 1}: {problem}; check the indents and the quotes" if mark else str(problem)


def format_errors(messages: Any, path: str = "") -> Iterator[str]:
    """Yield marshmallow's nested messages as one line each: `performance 1 items 3 label: is empty …`."""
    if isinstance(messages, Mapping):
        for key, inner in messages.items():
            step = str(key + 1) if isinstance(key, int) else ("" if key == "_schema" else str(key))
            yield from format_errors(inner, f"{path} {step}".strip())
        return
    for sentence in messages if isinstance(messages, list) else [messages]:
        text = "is missing: add it" if "Missing data" in sentence else sentence
        text = "is empty: write the text, or remove the key" if "may not be null" in text else text
        text = "write keys and values here" if text == "Invalid input type." else text
        text = "is not a key of this format: remove it or correct its spelling" if text == "Unknown field." else text
        yield f"{path or 'the file'}: {text}"


def _list_conflicts(units: Sequence[UnitDocument], guidance: Sequence[GuidanceDocument]) -> Iterator[str]:
    """Yield conflicts between files: each file is valid by itself, but not beside the others."""
    yield from _list_duplicates("code, version and revision: are", units, lambda unit: unit.key)
    yield from _list_duplicates("slug: is", units, lambda unit: unit.slug)
    yield from _list_duplicates("slug: is", guidance, lambda each: each.slug)
    for each in guidance:
        codes = [attached.code for attached in each.units]
        for code in sorted({code for code in codes if codes.count(code) > 1}):
            yield f"{each.file_name}: units {code}: appears twice; keep one of them"


def _list_unknown_units(units: Sequence[UnitDocument], guidance: Sequence[GuidanceDocument]) -> Iterator[str]:
    known = {unit.code for unit in units}
    for each in guidance:
        for code in sorted({attached.code for attached in each.units} - known):
            yield f"{each.file_name}: units {code}: there is no such unit; correct the code"


def _resolve_labels(
    links: Sequence[LinksDocument], units: Sequence[UnitDocument]
) -> tuple[list[LinksDocument], list[str]]:
    """Return the links with the positions of their labels, and a fault for each that cannot be resolved."""
    by_slug = {unit.slug: unit for unit in units}
    result, faults = [], []
    for each in links:
        missing = [slug for slug in each.units if slug not in by_slug]
        faults += [f"{each.file_name}: units {slug}: there is no such slug; correct it" for slug in missing]
        if missing:
            continue
        first, second = (by_slug[slug] for slug in each.units)
        try:
            positions = tuple(
                (_find_position(first, pair, pair.first), _find_position(second, pair, pair.second))
                for pair in each.same
            )
        except LookupError as fault:
            faults.append(f"{each.file_name}: {fault.args[0]}")
        else:
            result.append(replace(each, positions=positions))
    return result, faults


def _find_position(unit: UnitDocument, pair: LinkedLabels, label: str) -> int:
    """Return the position of the assessable criterion of this kind and label.

    Raises:
        LookupError: No criterion, or more than one, has the label; the message is the fault.
    """
    positions = [
        each.position
        for each in unit.assessable
        if each.kind is pair.kind and label in {each.label, f"#{each.position}"}
    ]
    if len(positions) > 1:
        choice = " or ".join(f"“#{position}”" for position in positions)
        message = f"{pair.kind.value} {label}: appears more than once in {unit.slug}; write its position, {choice}"
        raise LookupError(message)
    if not positions:
        message = f"{pair.kind.value} {label}: there is no such criterion in {unit.slug}; correct the label"
        raise LookupError(message)
    return positions[0]


def _list_duplicates(what: str, documents: Sequence[Any], get_key: Callable[[Any], Any]) -> Iterator[str]:
    first: dict[Any, str] = {}
    for document in documents:
        key = get_key(document)
        if key in first:
            yield f"{document.file_name}: {what} the same as in {first[key]}; change one of them"
        first.setdefault(key, document.file_name)
