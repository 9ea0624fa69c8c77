from flask import Blueprint

standards = Blueprint("standards", __name__)
