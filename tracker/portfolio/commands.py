"""The command `flask previews make`, for documents uploaded before the product could show them."""

import click
from flask.cli import AppGroup

previews_cli = AppGroup("previews", help="Make what pages show of documents.")


@previews_cli.command("make")
def make_previews() -> None:
    """Make the pages and the text of every document that has none, as far as this machine can."""
    from tracker.portfolio import libreoffice
    from tracker.portfolio.document_previews import (
        lacks_previews,
        list_documents_without_previews,
        make_document_previews,
    )

    documents = list_documents_without_previews()
    for sha256, media_type in documents:
        make_document_previews(sha256, media_type)
    made = sum(not lacks_previews(sha256, media_type) for sha256, media_type in documents)
    click.echo(f"Previews were made of {made} of the {len(documents)} documents without one.")
    if libreoffice.find_programs() is None:
        click.echo("No pages were made: LibreOffice or Bubblewrap is not installed. Run: ./scripts/setup --office")
