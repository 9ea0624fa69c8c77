#!/bin/sh
# Make the database and its two roles when PostgreSQL's container starts for the first time (docs/operations.md).
set -eu
psql -v ON_ERROR_STOP=1 -v owner="$OWNER_PASSWORD" -v server="$SERVER_PASSWORD" -U "${POSTGRES_USER:-postgres}" <<'SQL'
CREATE ROLE tracker_owner LOGIN PASSWORD :'owner';
CREATE ROLE tracker LOGIN PASSWORD :'server';
CREATE DATABASE tracker OWNER tracker_owner;
SQL
