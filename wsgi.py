"""The app, for any WSGI server: `gunicorn wsgi:app`, `flask --app wsgi`."""

import gc

# What is imported at start-up lives as long as the process. Keeping it from the garbage collector nearly halves the
# time in which a command starts and ends.
gc.disable()

from tracker import create_app  # noqa: E402
from tracker.storage.private_files import make_new_files_private  # noqa: E402

make_new_files_private()
app = create_app()

gc.freeze()
gc.enable()
