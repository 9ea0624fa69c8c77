"""`flask standards import` and `export`: units from and to the formats of others; no database, no settings."""

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import click

from tracker.errors import Invalid, TrackerError
from tracker.library.commands import in_folder, read_whole
from tracker.units.documents import LinksDocument, UnitDocument, slug_of
from tracker.units.formats.exchanged import ExchangedLink
from tracker.units.schema import times
from tracker.units.standards_folder import FOLDER, Library
from tracker.vocabulary import LinkKind
from tracker.web.formatting import counted

NAMES = ("yaml", "csv", "case", "moodle", "mahara")
in_format = click.option("--format", "format_name", type=click.Choice(NAMES), required=True, help="Which format.")


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@in_format
@in_folder
@click.option("--yes", is_flag=True, help="Write what has changed without asking.")
def import_units(file: Path, format_name: str, folder: Path | None, yes: bool) -> None:
    """Take the units of a file into the standards folder.

    What is there already is left alone; of what has changed the differences are shown first.
    """
    from tracker.units import formats

    library = read_whole(folder)
    try:
        found = formats.read(format_name, file.read_bytes())
    except Invalid as error:
        raise click.ClickException(str(error)) from error
    if not found.units:
        raise click.ClickException("The file holds no units. Nothing was written.")
    _refuse_repeated(found.units)
    for remark in found.remarks:
        click.echo(remark, err=True)
    taken: set[str] = set()
    here: dict[str, str | None] = {}
    for unit in found.units:
        slug = _take_in(unit, format_name, library, (folder or FOLDER) / "units", taken, yes=yes)
        here[unit.slug] = None if unit.slug in here else slug
    if found.links:
        _take_links(found.links, here, folder or FOLDER, yes=yes)


@click.command("export")
@click.argument("codes", nargs=-1)
@in_format
@click.option("--all", "every", is_flag=True, help="Every unit of the folder.")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file.")
@in_folder
def export_units(
    codes: tuple[str, ...], format_name: str, every: bool, output: Path | None, folder: Path | None
) -> None:
    """Write units of the standards folder in another format."""
    from tracker.units import formats

    library = read_whole(folder)
    if every == bool(codes):
        raise click.ClickException("Name the units by their codes, or say --all.")
    try:
        units = list(library.units) if every else [library.find_unit(code) for code in codes]
    except TrackerError as error:
        raise click.ClickException(str(error)) from error
    written = formats.write(format_name, units, exchanged(library.links, units))
    for sentence in written.left_behind:
        click.echo(sentence, err=True)
    if output:
        output.write_bytes(written.body)
        click.echo(f"Written to {output}.", err=True)
    else:
        sys.stdout.buffer.write(written.body)
        sys.stdout.flush()


def _refuse_repeated(units: Sequence[UnitDocument]) -> None:
    """On screen the second is shown and refused; here it would be written over the first."""
    for (code, version, revision), count in Counter(unit.key for unit in units).items():
        if count > 1:
            raise click.ClickException(
                f"{code}, version {version}, revision {revision}, stands {times(count)} in the file. Nothing was "
                "written. Keep one of them."
            )


def exchanged(links: Sequence[LinksDocument], units: Sequence[UnitDocument]) -> list[ExchangedLink]:
    """The links of the folder between these units, as formats take them."""
    slugs = {unit.slug for unit in units}
    return [
        ExchangedLink(LinkKind.SAME, first, position, second, other)
        for first, second, pairs in ((*each.units, each.positions) for each in links)
        if {first, second} <= slugs
        for position, other in pairs
    ]


def _take_in(
    unit: UnitDocument, format_name: str, library: Library, units: Path, taken: set[str], *, yes: bool
) -> str | None:
    """One unit: new, unchanged, or changed, which is shown and asked about. Its slug here; None where it was left."""
    from tracker.units import formats
    from tracker.units.formats import differences, own

    existing = next((each for each in library.units if each.key == unit.key), None)
    unit = replace(unit, slug=existing.slug if existing else _free_slug(unit, library, taken))
    taken.add(unit.slug)
    name = f"{unit.code} version {unit.version}, revision {unit.revision}"
    unit = formats.completed(format_name, existing, unit)
    changes = differences.compare(existing, unit)
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
    target.write_text(own.write_unit(unit), encoding="utf-8")
    click.echo(f"{name}: {'written' if existing else 'new'}, {target.name}")
    return unit.slug


def _take_links(links: Sequence[ExchangedLink], here: Mapping[str, str | None], folder: Path, *, yes: bool) -> None:
    """The links between units that are here now; `here` gives the slug of each of the file's. None is taken away."""
    from tracker.units.formats.link_files import has_place

    library = read_whole(folder)
    units = {unit.slug: unit for unit in library.units}
    found: dict[tuple[str, str], set[tuple[int, int]]] = {}
    for link in links:
        slug, other = here.get(link.slug) or "", here.get(link.other_slug) or ""
        if slug in units and other in units and slug != other and has_place(link, units[slug], units[other]):
            turned = slug > other
            pair = (other, slug) if turned else (slug, other)
            place = (link.other_position, link.position) if turned else (link.position, link.other_position)
            found.setdefault(pair, set()).add(place)
    for (slug, other), places in sorted(found.items()):
        _take_places(units[slug], units[other], places, library, folder / "links", yes=yes)
    left = len(links) - sum(map(len, found.values()))
    if left:
        click.echo(f"Left out: {counted(left, 'link')} that standards/links has no place for.", err=True)


def _take_places(
    first: UnitDocument,
    second: UnitDocument,
    places: set[tuple[int, int]],
    library: Library,
    links: Path,
    *,
    yes: bool,
) -> None:
    from tracker.units.formats.link_files import sentence_of, write_links

    name = f"Links between {first.code} and {second.code}"
    existing = next((each for each in library.links if set(each.units) == {first.slug, second.slug}), None)
    held: set[tuple[int, int]] = set(existing.positions) if existing else set()
    if existing and existing.units[0] == second.slug:
        held = {(position, other) for other, position in held}
    new = sorted(places - held)
    if not new:
        click.echo(f"{name}: unchanged")
        return
    if existing:
        click.echo(f"{name}: {len(new)} more")
        for place in new:
            click.echo(f"  {sentence_of(first, second, place)}")
        if not yes and not click.confirm("Write them?"):
            click.echo(f"{name}: left as they were")
            return
    target = links / (existing.file_name if existing else f"{first.slug}-{second.slug}.yaml")
    target.parent.mkdir(exist_ok=True)
    target.write_text(write_links(first, second, [*held, *new]), encoding="utf-8")
    click.echo(f"{name}: {len(new)} new, {target.name}")


def _free_slug(unit: UnitDocument, library: Library, taken: set[str]) -> str:
    """The unit's own slug, or one of its code, version and revision where that is another's."""
    held = {each.slug for each in library.units} | taken
    named = f"{unit.slug}-{slug_of(unit.version)}-{unit.revision}"
    candidates = [unit.slug, named, *(f"{named}-{number}" for number in range(2, 1000))]
    return next(slug for slug in candidates if slug not in held)
