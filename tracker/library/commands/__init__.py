"""Commands `flask standards …`. They work on files; only `load` needs a database."""
