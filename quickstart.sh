#!/usr/bin/env bash
# From a fresh machine to answers: makes .venv, installs, indexes FOLDER, serves.
#   ./quickstart.sh [--no-serve] [--rebuild] [FOLDER]
# FOLDER: the argument, else SEARCH_DATA_DIR, else what the collection holds already, else the bundled sample.
set -euo pipefail
cd "$(dirname "$0")"
. scripts/environment.sh

serve=yes
rebuild=""
folder=""
for argument in "$@"; do
  case "$argument" in
    --no-serve) serve=no ;;
    --rebuild) rebuild=--rebuild ;;
    -h | --help) sed -n '2,4s/^# \{0,1\}//p' "$0"; exit 0 ;;
    -*) echo "quickstart: unknown option $argument (known: --no-serve, --rebuild)" >&2; exit 2 ;;
    *) [ -z "$folder" ] || { echo "quickstart: one FOLDER at most" >&2; exit 2; }; folder="$argument" ;;
  esac
done
[ -z "$folder" ] || [ -d "$folder" ] || { echo "quickstart: no such folder: $folder" >&2; exit 2; }

# Read the words printed in the pictures beside the service, which this process becomes, and end with it.
read_words_meanwhile() {
  local index_dir log
  index_dir="$(setting SEARCH_INDEX_DIR)"
  log="${index_dir:-qdrant_storage}/words.log"
  mkdir -p "$(dirname "$log")"
  echo "The words printed in the pictures are read meanwhile, see $log"
  (
    nice .venv/bin/python -m search_app index "$folder" &
    while kill -0 "$$" 2> /dev/null && kill -0 "$!" 2> /dev/null; do sleep 1; done
    kill "$!" 2> /dev/null
  ) > "$log" 2>&1 < /dev/null &
}

find_python
model="$(setting SEARCH_MODEL)"
if [ -z "$model" ]; then
  # The one place where a model is chosen for the user: said aloud and written down.
  if reason="$("$PYTHON" -m search_app.encoders.weights ViT-B-32/openai)"; then
    model="ViT-B-32/openai"
    echo "Model: ViT-B-32/openai. $reason"
  else
    model="lite"
    echo "Model: lite, the bundled encoder. $reason"
    echo "  To use CLIP later, where its weights can be had:"
    echo "  sed -i.bak 's|^SEARCH_MODEL=.*|SEARCH_MODEL=ViT-B-32/openai|' .env && ./quickstart.sh --rebuild"
  fi
  echo "SEARCH_MODEL=$model" >> .env
fi

if [ "$model" = lite ]; then install requirements-lite.txt; else install requirements.txt; fi

[ -n "$folder" ] || folder="$(setting SEARCH_DATA_DIR)"
[ -n "$folder" ] || folder="$(.venv/bin/python -m search_app info --field folder 2> /dev/null || true)"
[ -n "$folder" ] || folder="sample/images"
words="$(setting SEARCH_WORDS)"
# Words take longer than all else: a service need not wait for them.
now="--no-words"
[ "$serve" = yes ] || [ "$words" = off ] || now=""
.venv/bin/python -m search_app index "$folder" $rebuild $now

port="${PORT:-8000}"
echo
echo "Ask in a terminal:  curl 'http://localhost:$port/search?query=car'"
echo "Ask in a browser:   http://localhost:$port/"
if [ "$serve" = no ]; then
  echo "Serve it:           ./quickstart.sh"
  exit 0
fi
[ "$words" = off ] || read_words_meanwhile
exec .venv/bin/python -m uvicorn search_app.main:app --host "${HOST_ADDRESS:-127.0.0.1}" --port "$port"
