"""Sandboxed subprocesses for parsing files from users and for rendering PDFs.

`sandbox` starts a subprocess for each request and `persistent` keeps one for many requests; `child` and `limits` run
inside the subprocess. The caller names a module, its limits, the number of subprocesses and a time-out.
"""
