from flask import Blueprint

registrations = Blueprint("registrations", __name__)
