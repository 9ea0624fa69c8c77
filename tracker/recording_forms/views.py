from flask import Blueprint

recording_forms = Blueprint("recording_forms", __name__)
