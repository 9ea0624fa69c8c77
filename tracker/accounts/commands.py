from flask.cli import AppGroup

centres_cli = AppGroup("centres", help="Centres and their first administrator.")
people_cli = AppGroup("people", help="What only the installation's operator does to people.")
