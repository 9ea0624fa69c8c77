"""`flask standards import` and `export`: units from and to other formats, without database and settings."""

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import click

from tracker.errors import Invalid, TrackerError
from tracker.library.commands.standards import folder_option, read_or_fail
from tracker.units.documents import LinksDocument, UnitDocument, make_slug
from tracker.units.formats.files import ExchangedLink
from tracker.units.plurals import format_count
from tracker.units.schema import format_times
from tracker.units.standards_folder import FOLDER, StandardsFolder
from tracker.vocabulary import LinkKind

FORMAT_NAMES = ("yaml", "csv", "case", "moodle", "mahara")
format_option = click.option(
    "--format", "format_name", type=click.Choice(FORMAT_NAMES), required=True, help="The format of the file."
)


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@format_option
@folder_option
@click.option("--yes", is_flag=True, help="Write changed units and links without asking.")
def import_units(file: Path, format_name: str, folder: Path | None, yes: bool) -> None:
    """Import the units of a file into the standards folder.

    Unchanged units are left as they are. The differences of changed units are shown before they are written.
    """
    from tracker.units import formats

    library = read_or_fail(folder)
    try:
        result = formats.read(format_name, file.read_bytes())
    except Invalid as error:
        raise click.ClickException(str(error)) from error
    if not result.units:
        raise click.ClickException("The file contains no units. Nothing was written.")
    _check_no_duplicates(result.units)
    for remark in result.remarks:
        click.echo(remark, err=True)
    taken_slugs: set[str] = set()
    written_slugs: dict[str, str | None] = {}
    for unit in result.units:
        slug = _write_unit(unit, format_name, library, (folder or FOLDER) / "units", taken_slugs, yes=yes)
        written_slugs[unit.slug] = None if unit.slug in written_slugs else slug
    if result.links:
        _write_links(result.links, written_slugs, folder or FOLDER, yes=yes)


@click.command("export")
@click.argument("codes", nargs=-1)
@format_option
@click.option("--all", "every", is_flag=True, help="Export every unit of the folder.")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file.")
@folder_option
def export_units(
    codes: tuple[str, ...], format_name: str, every: bool, output: Path | None, folder: Path | None
) -> None:
    """Write units of the standards folder in another format."""
    from tracker.units import formats

    library = read_or_fail(folder)
    if every == bool(codes):
        raise click.ClickException("Name the units by their codes, or use --all.")
    try:
        units = list(library.units) if every else [library.find_unit(code) for code in codes]
    except TrackerError as error:
        raise click.ClickException(str(error)) from error
    exported = formats.write(format_name, units, list_links_between(library.links, units))
    for sentence in exported.omissions:
        click.echo(sentence, err=True)
    if output:
        output.write_bytes(exported.body)
        click.echo(f"Written to {output}.", err=True)
    else:
        sys.stdout.buffer.write(exported.body)
        sys.stdout.flush()


def _check_no_duplicates(units: Sequence[UnitDocument]) -> None:
    """Raise `ClickException` if a unit appears twice in the file, because the second would overwrite the first."""
    for (code, version, revision), count in Counter(unit.key for unit in units).items():
        if count > 1:
            raise click.ClickException(
                f"{code}, version {version}, revision {revision}, appears {format_times(count)} in the file. Nothing "
                "was written. Keep one of them."
            )


def list_links_between(links: Sequence[LinksDocument], units: Sequence[UnitDocument]) -> list[ExchangedLink]:
    """Return the folder's links between these units as the formats exchange them."""
    slugs = {unit.slug for unit in units}
    return [
        ExchangedLink(LinkKind.SAME, first, position, second, other)
        for first, second, pairs in ((*document.units, document.positions) for document in links)
        if {first, second} <= slugs
        for position, other in pairs
    ]


def _write_unit(
    unit: UnitDocument, format_name: str, library: StandardsFolder, units: Path, taken_slugs: set[str], *, yes: bool
) -> str | None:
    """Write one unit if it is new, or changed and confirmed.

    Return its slug in the folder; None if it was not written.
    """
    from tracker.units import formats
    from tracker.units.formats import differences, unit_yaml

    existing = next((document for document in library.units if document.key == unit.key), None)
    unit = replace(unit, slug=existing.slug if existing else _find_free_slug(unit, library, taken_slugs))
    taken_slugs.add(unit.slug)
    name = f"{unit.code} version {unit.version}, revision {unit.revision}"
    unit = formats.complete_unit(format_name, existing, unit)
    changes = differences.describe_differences(existing, unit)
    if not changes:
        click.echo(f"{name}: unchanged")
        return unit.slug
    if existing:
        click.echo(f"{name}: changed")
        for sentence in changes:
            click.echo(f"  {sentence}")
        if not yes and not click.confirm("Write the changed unit?"):
            click.echo(f"{name}: left as it was")
            return None
    target = units / (existing.file_name if existing else f"{unit.slug}.yaml")
    target.write_text(unit_yaml.format_unit_yaml(unit), encoding="utf-8")
    click.echo(f"{name}: {'written' if existing else 'new'}, {target.name}")
    return unit.slug


def _write_links(
    links: Sequence[ExchangedLink], written_slugs: Mapping[str, str | None], folder: Path, *, yes: bool
) -> None:
    """Write new links between units of the folder. Existing links stay.

    Args:
        links: The links of the imported file.
        written_slugs: The slug in the folder for each slug in the file; None where the unit was not written.
        folder: The standards folder.
        yes: Write without asking.
    """
    from tracker.units.formats.link_yaml import can_be_written

    library = read_or_fail(folder)
    units = {unit.slug: unit for unit in library.units}
    result: dict[tuple[str, str], set[tuple[int, int]]] = {}
    for link in links:
        slug, other = written_slugs.get(link.slug) or "", written_slugs.get(link.other_slug) or ""
        if slug in units and other in units and slug != other and can_be_written(link, units[slug], units[other]):
            is_reversed = slug > other
            pair = (other, slug) if is_reversed else (slug, other)
            place = (link.other_position, link.position) if is_reversed else (link.position, link.other_position)
            result.setdefault(pair, set()).add(place)
    for (slug, other), places in sorted(result.items()):
        _write_links_between(units[slug], units[other], places, library, folder / "links", yes=yes)
    not_imported = len(links) - sum(map(len, result.values()))
    if not_imported:
        count = format_count(not_imported, "link")
        click.echo(f"Not imported: {count} that a file in standards/links cannot contain.", err=True)


def _write_links_between(
    first: UnitDocument,
    second: UnitDocument,
    places: set[tuple[int, int]],
    library: StandardsFolder,
    links: Path,
    *,
    yes: bool,
) -> None:
    from tracker.units.formats.link_yaml import describe_link, format_links_yaml

    name = f"Links between {first.code} and {second.code}"
    existing = next(
        (document for document in library.links if set(document.units) == {first.slug, second.slug}), None
    )
    present: set[tuple[int, int]] = set(existing.positions) if existing else set()
    if existing and existing.units[0] == second.slug:
        present = {(position, other) for other, position in present}
    new = sorted(places - present)
    if not new:
        click.echo(f"{name}: unchanged")
        return
    if existing:
        click.echo(f"{name}: {len(new)} more")
        for place in new:
            click.echo(f"  {describe_link(first, second, place)}")
        if not yes and not click.confirm("Write them?"):
            click.echo(f"{name}: left as they were")
            return
    target = links / (existing.file_name if existing else f"{first.slug}-{second.slug}.yaml")
    target.parent.mkdir(exist_ok=True)
    target.write_text(format_links_yaml(first, second, [*present, *new]), encoding="utf-8")
    click.echo(f"{name}: {len(new)} new, {target.name}")


def _find_free_slug(unit: UnitDocument, library: StandardsFolder, taken_slugs: set[str]) -> str:
    """Return the unit's own slug, or one with version and revision where another unit has it."""
    existing = {unit.slug for unit in library.units} | taken_slugs
    versioned_slug = f"{unit.slug}-{make_slug(unit.version)}-{unit.revision}"
    candidates = [unit.slug, versioned_slug, *(f"{versioned_slug}-{number}" for number in range(2, 1000))]
    return next(slug for slug in candidates if slug not in existing)
