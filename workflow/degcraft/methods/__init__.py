"""The compared methods of Table 2, one package each."""
