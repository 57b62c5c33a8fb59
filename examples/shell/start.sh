#!/bin/sh
# Serves the pages beside it.
exec python3 -m http.server "${PORT:-8080}" --directory pages
