from flask import Blueprint

assessment = Blueprint("assessment", __name__)
