#!/usr/bin/env bash
# Downloads the image ads and their labels:  ./load_data.sh [N ...]
# N: parts of the data set, 0 to 10 (default: 0 1). Parts 0 to 9 have about 0.5 GB each, part 10 has 6.5 GB.
# Pictures go to data/N, labels to data/labels; SEARCH_DATA_DIR names another folder than data.
# A broken download goes on where it stopped, here or in the next run; what is complete is not downloaded again.
# ADS_BASE_URL and ADS_LABELS_URL name other places to download from.
# Exit status: 0 all is there, 1 something failed (the summary says what), 2 wrong use or nothing could be done.
set -uo pipefail
cd "$(dirname "$0")" || exit 2
. scripts/environment.sh

base_url="${ADS_BASE_URL:-https://storage.googleapis.com/ads-dataset}"
labels_url="${ADS_LABELS_URL:-https://people.cs.pitt.edu/~kovashka/ads/annotations_images.zip}"
patience=4 # attempts in a row without a new byte before a download is given up
pause="${ADS_RETRY_SECONDS:-3}"
reason=""  # why the last step failed
reporter="" # the process that reports progress where there is no terminal
summary=()
failed=0

main() {
  local number
  for number in "$@"; do
    case "$number" in
      -h | --help) sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 0 ;;
      [0-9] | 10) ;;
      *) give_up "\"$number\" is no part of the data set; parts are 0 to 10" ;;
    esac
  done
  [ $# -gt 0 ] || set -- 0 1
  command -v curl > /dev/null || give_up "curl is needed"
  command -v python3 > /dev/null || give_up "python3 is needed"
  data="$(setting SEARCH_DATA_DIR)"
  data="${data:-data}"
  mkdir -p "$data/.download" || give_up "cannot write to $data; set SEARCH_DATA_DIR to a folder of yours"
  trap 'stop_reporting; echo "load_data: stopped; run it again to go on from here" >&2; exit 130' INT

  for number in "$@"; do load "part $number" "$base_url/subfolder-$number.zip" "$data/$number"; done
  load labels "$labels_url" "$data/labels"
  rmdir "$data/.download" 2> /dev/null

  echo "Summary"
  printf '  %s\n' "${summary[@]}"
  return "$failed"
}

give_up() {
  echo "load_data: $1" >&2
  exit 2
}

# Bring one zip into one folder and note the outcome.  load NAME URL FOLDER
load() {
  local name="$1" url="$2" folder="$3" zip fetched answer=""
  zip="$data/.download/$(basename "$folder").zip"
  if [ -f "$folder/.complete" ]; then
    summary+=("$name: already here, in $folder")
    return
  fi
  if enough_space "$url" "$zip.part"; then
    fetch "$name" "$url" "$zip"
    fetched=$?
    [ "$fetched" -ne 0 ] || echo "$name: unzipping $(megabytes "$(size_of "$zip.part")") into $folder"
    # Tried after a failed download too: a server may promise more bytes than there are, and then the zip is whole.
    if [ -f "$zip.part" ] && answer="$(python3 scripts/unzip_safely.py "$zip.part" "$folder" 2>&1)"; then
      printf 'size %s\nvalidator %s\n' "$(size_of "$zip.part")" "$(cat "$zip.validator" 2> /dev/null)" > "$folder/.complete"
      rm -f "$zip".*
      summary+=("$name: downloaded, $answer files in $folder")
      return
    fi
    if [ "$fetched" -eq 0 ]; then
      reason="$url is $answer"
      rm -f "$zip".* # going on with a damaged file would never end well
    fi
  fi
  failed=1
  echo "$name: FAILED: $reason" >&2
  summary+=("$name: FAILED: $reason")
}

# Is there room for the rest of the zip and for what is in it?  Pictures do not shrink in a zip.
enough_space() {
  local length free needed
  length="$(curl --silent --fail --head --location --connect-timeout 20 "$1" | tr -d '\r' |
    awk 'tolower($1) == "content-length:" && $2 ~ /^[0-9]+$/ && length($2) < 18 { bytes = $2 }
      END { print (bytes == "" ? 0 : bytes) }')"
  needed=$((2 * length - $(size_of "$2")))
  free=$(($(df -Pk "$data" | awk 'END { print $4 }') * 1024))
  [ "$needed" -gt "$free" ] || return 0
  reason="needs about $(megabytes "$needed"), but only $(megabytes "$free") are free in $data"
  return 1
}

# Download with as many attempts as bring something new.  fetch NAME URL ZIP
fetch() {
  local name="$1" url="$2" zip="$3" best idle=0
  best="$(size_of "$zip.part")"
  if [ "$best" -gt 0 ]; then echo "$name: going on with $url after $(megabytes "$best")"; else echo "$name: downloading $url"; fi
  while ! attempt "$name" "$url" "$zip"; do
    case "$status" in
      408 | 429) ;;
      4*) reason="the server answers HTTP $status for $url"; return 1 ;;
    esac
    if [ "$(size_of "$zip.part")" -gt "$best" ]; then
      best="$(size_of "$zip.part")"
      idle=0
    elif idle=$((idle + 1)) && [ "$idle" -ge "$patience" ]; then
      reason="the download stops at $(megabytes "$best"): $message; run load_data.sh again to go on from there"
      return 1
    fi
    sleep "$pause"
  done
}

# One request; sets `status` (HTTP) and `message` (curl's).  attempt NAME URL ZIP
attempt() {
  local url="$2" zip="$3" answer code options protocols="=http,https"
  case "$url" in https:*) protocols="=https" ;; esac # no redirect leads from TLS to none
  options=(--fail --location --connect-timeout 20 --speed-limit 1000 --speed-time 60 --proto "$protocols"
    --dump-header "$zip.headers" --output "$zip.part" --write-out '%{http_code} %{errormsg}')
  if [ -s "$zip.part" ]; then
    options+=(--continue-at -)
    [ ! -s "$zip.validator" ] || options+=(--header "If-Range: $(cat "$zip.validator")")
  fi
  if [ -t 2 ]; then options+=(--progress-bar); else options+=(--silent) && report_progress "$1" "$zip.part"; fi
  answer="$(curl "${options[@]}" "$url")"
  code=$?
  stop_reporting
  status="${answer%% *}"
  message="${answer#* }"
  if [ "$status" = 416 ]; then
    code=0 # the server has nothing beyond what is here; versions of curl disagree on whether that is an error
  elif [ "$code" -eq 33 ]; then
    rm -f "$zip.part" # no part of this file can be had, or it is another file now: from the start
  elif [ "$status" = 200 ]; then
    validator < "$zip.headers" > "$zip.validator"
  fi
  return "$code"
}

# From response headers to what If-Range takes: a strong ETag, else the date of the last change, else nothing.
validator() {
  tr -d '\r' | awk '
    /^HTTP\// { etag = date = "" }
    tolower($1) == "etag:" && $2 !~ /^W\// { etag = $2 }
    tolower($1) == "last-modified:" { date = substr($0, index($0, ":") + 2) }
    END { printf "%s", (etag != "" ? etag : date) }'
}

# Where there is no terminal, say now and then how far the download is.  report_progress NAME FILE
report_progress() {
  while sleep 30 > /dev/null 2>&1 && kill -0 $$ 2> /dev/null; do echo "$1: $(megabytes "$(size_of "$2")") so far"; done &
  reporter=$!
}

stop_reporting() {
  [ -n "$reporter" ] || return 0
  kill "$reporter" 2> /dev/null
  wait "$reporter" 2> /dev/null
  reporter=""
}

size_of() {
  if [ -f "$1" ]; then wc -c < "$1" | tr -d ' '; else echo 0; fi
}

megabytes() {
  awk -v bytes="$1" 'BEGIN { printf "%.1f MB", bytes / 1e6 }'
}

main "$@"
