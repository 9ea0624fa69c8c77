"""The command `flask previews make`, for documents uploaded before LibreOffice was installed."""

import click
from flask.cli import AppGroup

previews_cli = AppGroup("previews", help="Make what pages show of documents.")


@previews_cli.command("make")
def make_previews() -> None:
    """Convert every document that has no pages yet with LibreOffice. One that cannot be converted stays text."""
    from tracker.portfolio import libreoffice
    from tracker.portfolio.document_previews import list_documents_without_pages, make_document_previews
    from tracker.portfolio.file_checks.identify import IdentifiedFile
    from tracker.portfolio.file_details import load_details

    if libreoffice.find_programs() is None:
        raise click.ClickException("LibreOffice or Bubblewrap is not installed. Run: ./scripts/setup --office")
    documents = list_documents_without_pages()
    for sha256, media_type in documents:
        make_document_previews(sha256, IdentifiedFile(media_type))
    converted = sum(load_details(sha256).pages > 0 for sha256, _ in documents)
    click.echo(f"{converted} of {len(documents)} documents converted.")
