"""Lines of text become a page in reading order: headings, paragraphs, lists and tables, from geometry alone."""
