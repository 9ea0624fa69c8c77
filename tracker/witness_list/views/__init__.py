"""Views of the witness list: the list, its entries recorded and removed, and the list on paper."""

from flask import Blueprint

witness_list = Blueprint("witness_list", __name__)

from tracker.witness_list.views import entries, printing  # noqa: E402, F401
