#!/usr/bin/env bash
# Restores a dump into an empty database, all or nothing, and verifies the books in it. Make the database first, and let the
# service use it only when this script says that it is verified.
#
#   SIGIDA_DATABASE_URL=postgres://… deploy/postgresql-restore.sh FILE
#
# SIGIDA names the program, if it is not on the path.
set -euo pipefail
. "$(dirname "$0")/postgresql-url.sh"

file=${1:?usage: postgresql-restore.sh FILE}
[ -f "$file" ] || refuse "$file does not exist"
if [ -f "$file.sha256" ]; then
    noted=$(cut -d ' ' -f 1 -- "$file.sha256")
    found=$(sha256sum <"$file" | cut -d ' ' -f 1)
    [ "$noted" = "$found" ] || refuse "$file is damaged: it does not have the digest noted beside it"
fi
tables=$(psql --no-psqlrc --tuples-only --no-align --dbname="$url" \
    --command="SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')")
[ "$tables" = 0 ] || refuse "the database is not empty: restore into a new one"
pg_restore --exit-on-error --single-transaction --no-owner --no-privileges --dbname="$url" "$file"
"${SIGIDA:-sigida}" verify
