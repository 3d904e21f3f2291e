"""Rules for records: schemas, grammars, what an answer holds, repairs, merging, and checks of the values."""
