"""Rules for captions, keywords and alternative texts, and for the files in which data sets want them."""
