"""Kinds of hostile cases, one module each: `run(chance, n, folder, tally)` makes n of them."""
