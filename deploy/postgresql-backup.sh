#!/usr/bin/env bash
# Dumps the PostgreSQL database into a new file, as it stands at one instant, also while the service runs. The SHA-256
# digest of the dump is kept beside it, in FILE.sha256.
#
#   SIGIDA_DATABASE_URL=postgres://… deploy/postgresql-backup.sh FILE
set -euo pipefail
. "$(dirname "$0")/postgresql-url.sh"

file=${1:?usage: postgresql-backup.sh FILE}
folder=$(dirname -- "$file")
name=$(basename -- "$file")
for place in "$file" "$file.sha256"; do
    [ ! -e "$place" ] || refuse "$place exists already: a backup never writes over another"
done

umask 077
draft=$(mktemp -d -- "$folder/.sigida-XXXXXX.partial")
trap 'rm -rf -- "$draft"' EXIT
# The wall between organisations is before the owner too: all are named, and nothing is left out.
PGOPTIONS="-c sigida.organisations=* ${PGOPTIONS:-}" pg_dump --enable-row-security --format=custom --no-owner --no-privileges --file="$draft/$name" --dbname="$url"
# Reads all of it again; nothing is restored.
pg_restore --file=/dev/null "$draft/$name"
(cd -- "$draft" && sha256sum -- "$name" >"$name.sha256")
sync -- "$draft/$name" "$draft/$name.sha256"
mv --no-clobber -- "$draft/$name" "$draft/$name.sha256" "$folder/"
[ -z "$(ls -A -- "$draft")" ] || refuse "$file exists already: a backup never writes over another"
sync -- "$folder"
echo "$file: backed up. Restore it somewhere from time to time: only a restored backup is known to be one."
