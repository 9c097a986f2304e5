# Read by the scripts beside it: finds the database URL as the service does, and keeps its password off the list of processes.

if [ -n "${SIGIDA_DATABASE_URL_FILE:-}" ]; then
    url=$(cat -- "$SIGIDA_DATABASE_URL_FILE")
else
    url=${SIGIDA_DATABASE_URL:?set SIGIDA_DATABASE_URL or SIGIDA_DATABASE_URL_FILE}
fi
if [[ $url =~ ^(postgres(ql)?://[^:/@]*):([^@/]*)(@.*)$ ]]; then
    encoded=${BASH_REMATCH[3]//\\/\\\\}
    PGPASSWORD=$(printf '%b' "${encoded//%/\\x}")
    export PGPASSWORD
    url=${BASH_REMATCH[1]}${BASH_REMATCH[4]}
fi

refuse() {
    echo "$(basename "$0"): $*" >&2
    exit 1
}
