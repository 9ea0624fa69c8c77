"""Hidden fields of pages, which a browser sends back with what is typed."""

import re


def read_fields(html: str) -> dict[str, str]:
    """Return the hidden fields of a page's forms."""
    return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', html))
