"""The sandbox: subprocesses with limits, for untrusted files and for page layout."""
