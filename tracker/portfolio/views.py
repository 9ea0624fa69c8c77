from flask import Blueprint

portfolio = Blueprint("portfolio", __name__)
