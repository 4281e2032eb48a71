#!/bin/sh
# Index what is mounted at SEARCH_DATA_DIR. Where nothing is, the folder the collection was made from, else the
# bundled sample. Arguments are handed on to `python -m search_app index`.
set -eu
held() { python -m search_app info --field folder; }

folder="$SEARCH_DATA_DIR"
if [ -z "$(find "$folder" -type f ! -path '*/.*' -print -quit)" ]; then
  # A forgotten mount must not turn somebody's collection into the sample. 2: there is no collection yet.
  folder="$(held 2> /dev/null)" || [ $? -eq 2 ] || { held; exit 1; }
  folder="${folder:-sample/images}"
  echo "Nothing in $SEARCH_DATA_DIR: indexing $folder"
fi
exec python -m search_app index "$folder" "$@"
