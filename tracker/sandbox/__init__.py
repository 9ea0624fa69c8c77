"""Subprocesses with limits, for everything that opens files from users or lays out pages.

`sandbox` runs one subprocess for each request, `persistent` keeps one for many; `limits` and `child` are their other
end. A user of this package states a module, its limits, how many may run at once and how long each may take.
"""
