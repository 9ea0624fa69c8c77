"""Text in the code pages of Windows."""


def decode_code_page(content: bytes, number: int) -> str:
    """Return the text in a code page; an unknown one is read as Western European (1252)."""
    try:
        return content.decode(f"cp{number}", "replace")
    except LookupError:
        return content.decode("cp1252", "replace")
