#!/bin/sh
# paperless-ngx: gives each scan a text layer before paperless looks at it (PAPERLESS_PRE_CONSUME_SCRIPT).
# Set PAPERLESS_OCR_MODE=skip, so that paperless keeps the text. visionocr has to be installed where paperless runs,
# and VISIONOCR_API_URL says where the model is.
set -u

case $DOCUMENT_WORKING_PATH in
*.pdf | *.PDF) ;;
*) exit 0 ;; # paperless makes a PDF of pictures itself; let it
esac

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

visionocr pdf -q "$DOCUMENT_WORKING_PATH" -f pdf -o "$folder/searchable.pdf"
case $? in
0 | 7) ;; # 7: some pages could not be read; the others have their text
*)
    echo "visionocr could not read $DOCUMENT_WORKING_PATH; paperless takes it as it is" >&2
    exit 0
    ;;
esac
# A document of which every page has text already is not written anew.
[ -f "$folder/searchable.pdf" ] && cp "$folder/searchable.pdf" "$DOCUMENT_WORKING_PATH"
exit 0
