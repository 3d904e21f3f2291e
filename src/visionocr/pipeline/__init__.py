"""The conductor: from settings to work, from pages to results."""
