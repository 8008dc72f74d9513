"""The dialects: one file (or package) each, with every op's whole specification."""
