"""Reads the standards folder: YAML in, documents or one-line faults out. No Flask, no database."""

from collections.abc import Callable, Iterator, Mapping
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
        found = [
            unit
            for unit in self.units
            if wanted in {squashed(each) for each in (unit.code, unit.slug, *(i.value for i in unit.identifiers))}
            and version in {None, unit.version}
        ]
        if not found:
            known = ", ".join(sorted(unit.code for unit in self.units))
            which = f"{code} in version {version}" if version else code
            raise NotFound(f"There is no unit {which}. There are: {known}.")
        return max(found, key=lambda unit: unit.version_order)


def squashed(code: str) -> str:
    """A code as people type it: case, spaces, slashes and hyphens do not count."""
    return "".join(character for character in code.casefold() if character.isalnum() or character == "&")


def read_library(folder: Path | None = None) -> Library:
    """Every file of the standards folder. A faulty file is left out and its faults are told."""
    folder = folder or FOLDER
    units, unit_faults = _read_all(folder / "units", UnitSchema())
    guidance, guidance_faults = _read_all(folder / "guidance", GuidanceSchema())
    faults = [*unit_faults, *guidance_faults, *_clashes(units), *_unknown_units(units, guidance)]
    return Library(tuple(units), tuple(guidance), tuple(faults))


def read_text(text: str, schema: Any) -> Any:
    """One file's text as its document; raises `ValidationError`, or a fault with its line."""
    return schema.load(yaml.load(text, Loader=_Loader))  # noqa: S506 - CBaseLoader makes text and nothing else


def _read_all(folder: Path, schema: Any) -> tuple[list[Any], list[str]]:
    documents, faults = [], []
    for path in sorted(folder.glob("*.y*ml")):
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
    return documents, faults


def _text_of(path: Path) -> str:
    if path.stat().st_size > LARGEST:
        raise _Fault(1, "the file is larger than 2 MB")
    return path.read_text(encoding="utf-8")


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


def _clashes(units: list[UnitDocument]) -> Iterator[str]:
    """Two files may not hold the same version, nor the same address."""
    checks: tuple[tuple[str, Callable[[UnitDocument], Any]], ...] = (
        ("code, version and revision: are", lambda unit: unit.key),
        ("slug: is", lambda unit: unit.slug),
    )
    for what, key_of in checks:
        first: dict[Any, str] = {}
        for unit in units:
            key = key_of(unit)
            if key in first:
                yield f"{unit.file_name}: {what} the same as in {first[key]}; change one of them"
            first.setdefault(key, unit.file_name)


def _unknown_units(units: list[UnitDocument], guidance: list[GuidanceDocument]) -> Iterator[str]:
    known = {unit.code for unit in units}
    for each in guidance:
        for attached in each.units:
            if attached.code not in known:
                yield f"{each.file_name}: units {attached.code}: there is no such unit; mend the code"
