"""HDF5 files: the only contract between stages. Nothing outside this package imports h5py."""
