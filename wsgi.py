"""The app, for any WSGI server: `gunicorn wsgi:app`, `flask --app wsgi`."""

import gc

# What is imported at start-up lives as long as the process. Keeping it from the garbage collector nearly halves the
# time in which a command starts and ends.
gc.disable()

from tracker import create_app  # noqa: E402

app = create_app()

gc.freeze()
gc.enable()
