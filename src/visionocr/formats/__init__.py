"""An answer in any of the formats that models write becomes blocks, and blocks become Markdown or plain text."""
