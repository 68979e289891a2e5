"""Local energies straight from configurations, without a network, by maximum pseudo-likelihood.

Whatever is local and the same everywhere is a sum over interactions of the sites of a small window,

    E = - sum_k J_k sum_(places on the lattice) f_k(states of the window).

`clusters.fit` finds which interactions there are, `table.fit` takes all of them, `pairwise.fit` pairs only.
"""
