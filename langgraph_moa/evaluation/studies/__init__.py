"""Studies: what each part of a mixture adds, measured. One module each; all give plain data."""
