"""What checks of the whole need to know of each row, computed batch by batch, one a file."""
