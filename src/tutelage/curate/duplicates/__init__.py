"""Which rows are the same as an earlier one: candidates, their true overlap, and who is kept."""
