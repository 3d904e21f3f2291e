"""The same run over the workers of a Dask cluster."""
