"""Reads the standards folder: YAML in, documents or one-line faults out. No Flask, no database."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml
from marshmallow import ValidationError

from tracker.errors import NotFound
from tracker.standards.documents import GuidanceDocument, UnitDocument
from tracker.standards.schema import GuidanceSchema, UnitSchema

FOLDER = Path(__file__).resolve().parent.parent.parent / "standards"
LARGEST = 2 * 1024 * 1024


class _Loader(yaml.CBaseLoader):
    """Every scalar stays text; a key written twice is refused."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise _Fault(key_node.start_mark.line + 1, "a key must be a word")
            if key in seen:
                raise _Fault(key_node.start_mark.line + 1, f"key {key}: stands twice; keep one of them")
            seen.add(key)
        return dict(super().construct_mapping(node, deep=deep))


class _Fault(Exception):
    def __init__(self, line: int, sentence: str) -> None:
        super().__init__(f"line {line}: {sentence}")


@dataclass(frozen=True)
class Library:
    """What the standards folder holds, and every fault found in it, one line each."""

    units: tuple[UnitDocument, ...]
    guidance: tuple[GuidanceDocument, ...]
    faults: tuple[str, ...]

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
    faults = [*_strays(folder), *unit_faults, *guidance_faults, *_clashes(units, guidance)]
    if not unit_faults:  # else the unit may be in the file that could not be read
        faults += _unknown_units(units, guidance)
    return Library(tuple(units), tuple(guidance), tuple(faults))


def read_text(text: str, schema: Any) -> Any:
    """One file's text as its document; raises `ValidationError`, or a fault with its line."""
    for event in yaml.parse(text, Loader=yaml.CBaseLoader):
        if isinstance(event, yaml.AliasEvent):
            line = event.start_mark.line + 1 if event.start_mark else 1
            raise _Fault(line, f"*{event.anchor}: references are not read; write the text out again")
    return schema.load(yaml.load(text, Loader=_Loader))  # noqa: S506 - CBaseLoader makes text and nothing else


def _strays(folder: Path) -> Iterator[str]:
    """Files that nobody would read, and that somebody may think are in use."""
    for name in ("units", "guidance"):
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
        except _Fault as fault:
            faults.append(f"{path.name}: {fault}")
        except yaml.YAMLError as error:
            faults.append(f"{path.name}: {_yaml_fault(error)}")
        except ValidationError as error:
            faults.extend(f"{path.name}: {line}" for line in _lines(error.messages))
        except (OSError, UnicodeDecodeError) as error:
            faults.append(f"{path.name}: cannot be read ({type(error).__name__}); save it as UTF-8 text")
        except RecursionError:
            faults.append(f"{path.name}: is nested too deeply; write it flatter")
    return documents, faults


def _text_of(path: Path) -> str:
    if path.stat().st_size > LARGEST:
        raise _Fault(1, "the file is larger than 2 MB; split it")
    return path.read_text(encoding="utf-8-sig")


def _yaml_fault(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or "is not YAML"
    return f"line {mark.line + 1}: {problem}; mind the indents and the quotes" if mark else str(problem)


def _lines(messages: Any, path: str = "") -> Iterator[str]:
    """Marshmallow's nested messages, one line a fault: `performance 1 items 3 label: is empty …`."""
    if isinstance(messages, Mapping):
        for key, inner in messages.items():
            step = str(key + 1) if isinstance(key, int) else ("" if key == "_schema" else str(key))
            yield from _lines(inner, f"{path} {step}".strip())
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


def _same(what: str, documents: Sequence[Any], key_of: Callable[[Any], Any]) -> Iterator[str]:
    first: dict[Any, str] = {}
    for document in documents:
        key = key_of(document)
        if key in first:
            yield f"{document.file_name}: {what} the same as in {first[key]}; change one of them"
        first.setdefault(key, document.file_name)
