"""Selection methods, one a file; `curate.selection` is their seam."""
