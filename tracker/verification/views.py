from flask import Blueprint

verification = Blueprint("verification", __name__)
