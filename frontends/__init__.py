"""The input forms: one file each; graph forms share one graph builder."""
