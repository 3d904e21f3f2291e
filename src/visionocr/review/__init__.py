"""The page in the browser where people check and correct results."""
