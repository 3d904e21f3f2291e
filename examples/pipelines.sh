#!/bin/sh
# visionocr in shell pipelines: results go to stdout or to -o, everything else to stderr.
#
#   sh examples/pipelines.sh
#   VISIONOCR_API_URL=http://localhost:5001 sh examples/pipelines.sh
#
# Works on copies of the samples in a temporary folder. Without VISIONOCR_API_URL the embedded engine reads.
set -eu

samples=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
server=${VISIONOCR_API_URL:-}
export VISIONOCR_API_URL="${server:-local:}"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir -p scans/1897 photos
cp "$samples/columns.pdf" scans/
cp "$samples/letter.pdf" "scans/1897/a letter.pdf"
cp "$samples/picture.png" photos/

title() { printf '\n== %s\n' "$*"; }

# A folder of scans, with its subfolders: one Markdown file a document.
folder() {
    visionocr pdf -q -r scans/ -o out/
    find out -type f -name '*.md'
}

# A document from a pipe: "-" reads stdin. How many words does it have?
words() {
    cat "$samples/letter.pdf" | visionocr pdf -q - --format txt | wc -w
}

# JSON Lines, a page a line: list the pages that are not ok. Prints nothing when all is well.
doubtful() {
    visionocr pdf -q -r scans/ --format jsonl | python3 -c '
import json, sys
for page in map(json.loads, sys.stdin):
    if page["status"] != "ok":
        print(page["document"], page["page"], page["status"], sep="\t")
'
}

# Files that find chooses, here the PDFs of the last seven days. The zero bytes keep names with spaces whole.
recent() {
    find scans -name '*.pdf' -mtime -7 -print0 | xargs -0 visionocr pdf -q --pages 1 -o recent/
    ls recent
}

# The lines of all documents that mention a word.
mentions() {
    visionocr pdf -q -r scans/ --format txt | grep -n 'King'
}

# Photos: a description beside each, photos/picture.txt. This needs a vision model; the embedded engine only reads.
describe() {
    visionocr describe -q photos/*.png --sidecar .txt
    cat photos/*.txt
}

title 'A folder of scans'
folder
title 'Words of a letter from a pipe'
words
title 'Pages that are not ok'
doubtful
title 'Recent documents'
recent
title 'Lines that mention the King'
mentions
if [ -n "$server" ]; then
    title 'Photos'
    describe
fi
